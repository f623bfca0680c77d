import { Buffer } from 'node:buffer';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';

import { isServerVersionSupported, requiredServers } from './redis-version.mjs';
import { encodeCommand, parseReplies } from './resp.mjs';
import { Stop } from './stop.mjs';

const replyTimeoutMs = 3000;
const pollMs = 50;

/**
 * Waits until the server answers a PING; a server that still loads its data does not.
 * @param {string} url
 * @param {number} deadlineMs
 * @param {() => boolean} [isHopeless] ends the waiting early
 * @returns {Promise<{ version: string | undefined, pid: number | undefined }>} as far as the server tells
 */
export async function waitForRedis(url, deadlineMs, isHopeless = () => false) {
  const target = parseRedisUrl(url);
  const giveUpAt = Date.now() + deadlineMs;
  for (;;) {
    const problem = await ping(target).catch(
      (/** @type {NodeJS.ErrnoException} */ error) => error.code ?? error.message,
    );
    if (problem === undefined) break;
    // A wrong password does not become right by waiting.
    const isFinal = /^(NOAUTH|WRONGPASS|ERR|NOPERM)/.test(problem);
    if (isFinal || isHopeless() || Date.now() > giveUpAt) {
      throw new Stop(
        `No Redis answers at ${target.shown} (${problem}). Start it or correct REDIS_URL; ` +
          'without REDIS_URL, npm start brings a Redis of its own.',
      );
    }
    await sleep(pollMs);
  }
  return readServerInfo(target);
}

/**
 * Stops for a server that answers and is too old.
 * @param {string} url
 * @param {string | undefined} version
 */
export function assertServerVersion(url, version) {
  if (version === undefined || isServerVersionSupported(version)) return;
  throw new Stop(
    `Redis at ${parseRedisUrl(url).shown} is ${version}. Stepcast needs ${requiredServers}.`,
  );
}

/**
 * @typedef {{ host: string, port: number, isTls: boolean, auth: string[], shown: string }} RedisTarget
 * @param {string} text
 * @returns {RedisTarget}
 */
export function parseRedisUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || !url.hostname) {
    throw new Stop(
      'REDIS_URL is not an address of a Redis. Expected redis://host:6379 or rediss://user:password@host:6379',
    );
  }
  const [user, password] = [url.username, url.password].map(decodeURIComponent);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    isTls: url.protocol === 'rediss:',
    auth: password ? ['AUTH', ...(user ? [user] : []), password] : [],
    shown: `${url.protocol}//${url.host}`,
  };
}

/**
 * @param {RedisTarget} target
 * @returns {Promise<string | undefined>} what the server has against it
 */
async function ping(target) {
  const replies = await ask(target, ['PING']);
  return replies.find(({ isError }) => isError)?.text;
}

/** @param {RedisTarget} target */
async function readServerInfo(target) {
  // A managed Redis may forbid INFO; then nothing is known, and nothing is refused.
  const replies = await ask(target, ['INFO', 'server']).catch(() => []);
  const info = replies.at(-1)?.text ?? '';
  const pid = /^process_id:(\d+)/m.exec(info)?.[1];
  return { version: /^redis_version:(\S+)/m.exec(info)?.[1], pid: pid ? Number(pid) : undefined };
}

/**
 * @param {RedisTarget} target
 * @param {string[]} command
 * @returns {Promise<{ text: string, isError: boolean }[]>}
 */
function ask({ host, port, isTls, auth }, command) {
  const commands = [auth, command].filter((words) => words.length > 0);
  return new Promise((resolve, reject) => {
    const socket = isTls
      ? connectTls({ host, port, servername: host })
      : connectTcp({ host, port });
    let received = Buffer.alloc(0);
    const fail = (/** @type {Error} */ error) => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(replyTimeoutMs, () => fail(new Error('no answer')));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('connection closed')));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const replies = parseReplies(received);
      if (replies.length < commands.length) return;
      resolve(replies);
      socket.destroy();
    });
    socket.write(commands.map(encodeCommand).join(''));
  });
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import type { Edge } from '../edge.js';
import { firstLine, type Finding } from './finding.js';

const ANSWER_MS = 3_000;
const MIN_MAJOR = 7;
const NEEDED = 'Redis 7.0 or newer, or Valkey 8';

/** The Redis that the hub would use: the one of REDIS_URL, else a server on the PATH that `npm start` runs. */
export async function checkRedis(env: Edge['env']): Promise<Finding[]> {
  const url = env['REDIS_URL'];
  return url ? checkServer(url) : [await checkBinary(env)];
}

async function checkServer(url: string): Promise<Finding[]> {
  const about = 'Redis';
  const shown = url.replace(/\/\/[^@/]*@/, '//…@');
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: ANSWER_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const info = parseInfo(await redis.info());
    const version = info['valkey_version'] ?? info['redis_version'] ?? '';
    const product = info['valkey_version'] === undefined ? 'Redis' : 'Valkey';
    if (Number.parseInt(version) < MIN_MAJOR) {
      return [
        {
          about,
          state: 'missing',
          text: `${product} ${version} at ${shown}`,
          remedy: `Stepcast needs ${NEEDED}.`,
        },
      ];
    }
    return [{ about, state: 'ok', text: `${product} ${version} at ${shown}` }, ...judge(info)];
  } catch (error) {
    const remedy =
      'Start it, or correct REDIS_URL; without REDIS_URL, npm start brings a Redis of its own.';
    return [
      { about, state: 'missing', text: `no answer at ${shown} (${firstLine(error)})`, remedy },
    ];
  } finally {
    redis.disconnect();
  }
}

/** What docs/operations.md asks of a Redis that others rely on. */
function judge(info: Readonly<Record<string, string>>): Finding[] {
  const findings: Finding[] = [];
  const policy = info['maxmemory_policy'];
  if (policy !== undefined && policy !== 'noeviction') {
    findings.push({
      about: 'Redis memory',
      state: 'warning',
      text: `maxmemory-policy is ${policy}: a full Redis throws jobs and queues away`,
      remedy: 'Set maxmemory-policy noeviction.',
    });
  }
  if (info['aof_enabled'] === '0') {
    findings.push({
      about: 'Redis data',
      state: 'warning',
      text: 'no append-only file: a Redis that crashes forgets every job',
      remedy: 'Set appendonly yes and appendfsync everysec.',
    });
  }
  return findings;
}

async function checkBinary(env: Edge['env']): Promise<Finding> {
  const about = 'Redis';
  for (const name of ['redis-server', 'valkey-server']) {
    const output = await promisify(execFile)(name, ['--version'], { env, timeout: ANSWER_MS }).then(
      ({ stdout }) => stdout,
      () => '',
    );
    const [, product, version] = /^(Redis|Valkey) server v=(\S+)/im.exec(output) ?? [];
    if (product === undefined || Number.parseInt(version ?? '') < MIN_MAJOR) continue;
    return {
      about,
      state: 'ok',
      text: `${product} ${version}; npm start runs it (REDIS_URL is not set)`,
    };
  }
  return {
    about,
    state: 'missing',
    text: `no ${NEEDED} on the PATH, and REDIS_URL is not set`,
    remedy: 'npm start installs one where it may; or set REDIS_URL=redis://host:6379.',
  };
}

function parseInfo(text: string): Record<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':'));
  return Object.fromEntries(lines.map((line) => line.split(/:(.*)/s, 2) as [string, string]));
}

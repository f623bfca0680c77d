// Every fault, how often it is chosen, and what it does. A fault ends when what it broke is whole again.
import { setTimeout as delay } from 'node:timers/promises';

import { isAlive, children } from '../support/leaks.js';
import type { AppProcess } from '../support/app-process.js';
import type { Verdict, TcpProxy } from '../support/tcp-proxy.js';
import type { Dice } from './dice.js';
import type { Kind, World } from './world.js';

export interface FaultKind {
  readonly name: string;
  readonly weight: number;
  /** Takes Redis away; one at a time. */
  readonly isOutage?: boolean;
  /** Resolves with what was done, in a few words; undefined when there was nothing to do it to. */
  readonly strike: (world: World, dice: Dice) => Promise<string | undefined>;
}

const proxied = ['gateway', 'worker'] as const;

export const faultKinds: readonly FaultKind[] = [
  ...(['api', 'gateway', 'worker'] as const).flatMap((kind) => [
    onProcess(kind, 'SIGKILL', kind === 'worker' ? 4 : 3, (world, app) =>
      world.replace(kind, app, 'SIGKILL'),
    ),
    onProcess(kind, 'SIGTERM', 2, (world, app) => world.replace(kind, app, 'SIGTERM')),
    onProcess(kind, 'SIGSTOP, SIGCONT', 2, freeze),
  ]),
  { name: 'kill a model host', weight: 3, strike: killHost },
  {
    name: 'CLIENT KILL TYPE pubsub',
    weight: 3,
    strike: (world) => command(world, 'CLIENT', 'KILL', 'TYPE', 'pubsub'),
  },
  {
    name: 'CLIENT KILL TYPE normal',
    weight: 3,
    strike: (world) => command(world, 'CLIENT', 'KILL', 'TYPE', 'normal'),
  },
  { name: 'SCRIPT FLUSH', weight: 2, strike: (world) => command(world, 'SCRIPT', 'FLUSH') },
  {
    name: 'CLIENT PAUSE',
    weight: 2,
    strike: (world, dice) =>
      command(world, 'CLIENT', 'PAUSE', String(dice.int(300, 2_000)), dice.pick(['ALL', 'WRITE'])),
  },
  {
    name: 'DEBUG SLEEP',
    weight: 2,
    strike: (world, dice) => command(world, 'DEBUG', 'SLEEP', (dice.int(5, 20) / 10).toFixed(1)),
  },
  { name: 'SIGSTOP, SIGCONT of Redis', weight: 1.5, isOutage: true, strike: freezeRedis },
  {
    name: 'kill -9 of Redis',
    weight: 3,
    isOutage: true,
    strike: (world, dice) => crash(world, dice, 0),
  },
  {
    name: 'power cut of Redis',
    weight: 3,
    isOutage: true,
    strike: (world, dice) => crash(world, dice, dice.int(100, 1_000)),
  },
  { name: 'one message dropped', weight: 4, strike: dropMessage },
  { name: 'messages late', weight: 2, strike: delayMessages },
  {
    name: 'connections cut',
    weight: 2,
    strike: (world, dice) =>
      onProxy(world, dice, (proxy) => {
        proxy.cut();
      }),
  },
  {
    name: 'connections reset',
    weight: 2,
    strike: (world, dice) =>
      onProxy(world, dice, (proxy) => {
        proxy.reset();
      }),
  },
  { name: 'half-open, then cut', weight: 3, strike: swallow },
  { name: 'stalled', weight: 2, strike: stall },
];

function onProcess(
  kind: Kind,
  what: string,
  weight: number,
  strike: (world: World, app: AppProcess, dice: Dice) => Promise<unknown>,
): FaultKind {
  return {
    name: `${what} of a ${kind}`,
    weight,
    async strike(world, dice) {
      const app = world.free(kind);
      if (app === undefined) return undefined;
      await world.reserve(app, async () => {
        await strike(world, app, dice);
      });
      return `${kind} ${app.pid}`;
    },
  };
}

async function freeze(_world: World, app: AppProcess, dice: Dice): Promise<void> {
  const forMs = dice.int(200, 6_000);
  await app.kill('SIGSTOP');
  await delay(forMs);
  await app.kill('SIGCONT');
}

async function killHost(world: World, dice: Dice): Promise<string | undefined> {
  const worker = world.free('worker');
  const hosts = worker === undefined ? [] : await children(worker.pid).catch(() => []);
  if (hosts.length === 0) return undefined;
  await world.noteHosts();
  const host = dice.pick(hosts);
  if (isAlive(host)) process.kill(host, 'SIGKILL');
  return `host ${host} of worker ${worker?.pid ?? 0}`;
}

async function command(world: World, name: string, ...args: string[]): Promise<string> {
  await world.admin.call(name, ...args).catch(() => undefined);
  return [name, ...args].join(' ');
}

async function freezeRedis(world: World, dice: Dice): Promise<string> {
  const forMs = dice.int(300, 4_000);
  await world.redis.kill('SIGSTOP');
  await delay(forMs);
  await world.redis.kill('SIGCONT');
  return `${forMs} ms`;
}

async function crash(world: World, dice: Dice, lostMs: number): Promise<string> {
  world.crashes.push({ at: Date.now(), lostMs });
  await world.redis.kill('SIGKILL');
  const lost = lostMs > 0 ? await world.cord.lose(lostMs) : 'nothing';
  const awayMs = dice.int(100, 2_000);
  await delay(awayMs);
  await world.redis.restart();
  return `away for ${awayMs} ms, lost ${lost} of the last ${lostMs} ms`;
}

async function onProxy(
  world: World,
  dice: Dice,
  strike: (proxy: TcpProxy) => Promise<void> | void,
  kinds: readonly (typeof proxied)[number][] = proxied,
): Promise<string> {
  const kind = dice.pick(kinds);
  const proxy = world.cluster.proxies[kind];
  if (proxy !== undefined) await strike(proxy);
  return `between every ${kind} and Redis`;
}

/** Only gateways hear of events. */
const HEARERS = ['gateway'] as const;

/** A message of pub/sub as Redis sends it, in RESP2 or RESP3. */
const MESSAGE = /^[*>]3\r\n\$7\r\nmessage\r\n/;

/** The next event of any job; probes come by themselves. */
function isEvent(frame: Buffer): boolean {
  const text = frame.toString('latin1', 0, 200);
  return MESSAGE.test(text) && text.includes(':feed\r\n');
}

function dropMessage(world: World, dice: Dice): Promise<string> {
  const strike = async (proxy: TcpProxy): Promise<void> => {
    let dropped = 0;
    proxy.judgeReplies((frame) =>
      dropped === 0 && isEvent(frame) && ++dropped > 0 ? 'drop' : 'pass',
    );
    await delay(1_000);
    proxy.judgeReplies(undefined);
  };
  return onProxy(world, dice, strike, HEARERS);
}

function delayMessages(world: World, dice: Dice): Promise<string> {
  // Each late message makes the next one later still, so a little goes a long way.
  const delayMs = dice.int(5, 30);
  const strike = async (proxy: TcpProxy): Promise<void> => {
    const judge = (frame: Buffer): Verdict => (isEvent(frame) ? { delayMs } : 'pass');
    proxy.judgeReplies(judge);
    await delay(dice.int(300, 1_000));
    proxy.judgeReplies(undefined);
  };
  return onProxy(world, dice, strike, HEARERS);
}

/** Whatever was sent meanwhile never arrives, so these connections must not go on. */
function swallow(world: World, dice: Dice): Promise<string> {
  return onProxy(world, dice, async (proxy) => {
    proxy.swallow();
    await delay(dice.int(1_000, 3_000));
    proxy.cut();
    proxy.swallow(false);
  });
}

function stall(world: World, dice: Dice): Promise<string> {
  return onProxy(world, dice, async (proxy) => {
    proxy.stall();
    await delay(dice.int(300, 2_000));
    proxy.flow();
  });
}

// Faults 49 and 50 of docs/testing.md: who does not read costs a bounded amount, disturbs nobody, and comes to
// the right end.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisStore } from '@stepcast/redis';

import '../support/cleanup.js';
import type { AppProcess } from '../support/app-process.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { EventSource, closeAllStores, openStore, type NewEvent } from '../support/event-source.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { metric as metricOf } from '../support/insight.js';
import { sampleFold } from '../support/sample-folds.js';
import type { Seen } from '../support/seen.js';
import { waitFor } from '../support/wait.js';
import { openSse, openWs, type Connection, type Sink } from '../support/watch-connections.js';
import { Watcher, stopAllWatchers, type WatchTransport } from '../support/watcher.js';

const PER_SECOND = 5_000;
/** What also a busy machine comes to, with all that this test does besides. */
const MIN_PER_SECOND = 250;
const PAD = 'x'.repeat(900);
/** What the hub may hold for one connection that takes nothing. */
const MAX_UNSENT_BYTES = 128 * 1_024;
const MIB = 1_048_576;

/** Model by fold, and what it emits. */
const emitters = {
  latest: { model: 'sketch', make: (n: number) => ({ type: 'step', data: { step: n, pad: PAD } }) },
  append: {
    model: 'writer',
    make: (n: number) => ({ type: 'token', data: { text: `${n} ${PAD}` } }),
  },
  all: { model: 'pace', make: (n: number) => ({ type: 'step', data: { step: n, pad: PAD } }) },
} satisfies Record<string, { model: string; make: (n: number) => NewEvent }>;

type FoldName = keyof typeof emitters;

let hub: Cluster;
let baseline: Baseline;
let store: RedisStore;

beforeAll(async () => {
  // No worker: events are written as a worker writes them, but 5,000 of them a second.
  hub = await startCluster({ apis: 0, workers: 0, gateways: 1 });
  store = await openStore(hub.redis.url, hub.prefix);
  baseline = await baselineOf(hub);
}, 60_000);

afterAll(closeAllStores);

const gateway = (): AppProcess => {
  const [first] = hub.gateways;
  if (first === undefined) throw new Error('no gateway');
  return first;
};

const metric = (name: string, app = gateway()) => metricOf(app, name);

interface Stage {
  readonly source: EventSource;
  readonly make: (n: number) => NewEvent;
  readonly slow: Watcher;
  readonly neighbours: readonly Watcher[];
  /** Median time from the storage of an event to its arrival at a neighbour, since it was asked last. */
  readonly takeDelayMs: () => number;
}

/** One job, a viewer that will stop reading, and two that read; all up to date. */
async function setStage(
  fold: FoldName,
  transport: WatchTransport,
  { url } = gateway(),
): Promise<Stage> {
  const { model, make } = emitters[fold];
  const foldOf = sampleFold(model);
  const source = await EventSource.create(store, model, foldOf);
  const common = { job: source.job, gateways: [url], foldOf };
  const slow = new Watcher({ ...common, transport, mayBeFolded: fold !== 'all' });
  const delaysMs: number[] = [];
  const neighbours = (['ws', 'sse'] as const).map(
    (kind) =>
      new Watcher({
        ...common,
        transport: kind,
        submitted: (sink) => openTimed(kind, { url, job: source.job }, sink, delaysMs),
      }),
  );
  await Promise.all([slow, ...neighbours].map((watcher) => reaches(watcher, source.top)));
  return {
    ...{ source, make, slow, neighbours },
    takeDelayMs: () => median(delaysMs.splice(0)),
  };
}

/** A connection whose events are timed: storage and arrival are told by the clock of this machine. */
function openTimed(
  transport: WatchTransport,
  { url: gateway, job }: { url: string; job: string },
  sink: Sink,
  delaysMs: number[],
): Connection {
  const event = (text: string): void => {
    delaysMs.push(Date.now() - Number(/"at":(\d+)/.exec(text)?.[1]));
    sink.event(text);
  };
  const open = transport === 'ws' ? openWs : openSse;
  return open({ gateway, job, hold: true, from: 'start' }, { ...sink, event });
}

const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

const reaches = (watcher: Watcher, seq: number, deadlineMs = 60_000) =>
  watcher.until(() => watcher.seen.seq >= seq, deadlineMs, `seq ${seq}`);

/**
 * Appends until it is enough, and looks what all connections together have not taken, each time before it
 * goes on: so the viewers set the pace where a machine is too busy for 5,000 events a second.
 */
async function appendUntil(
  { source, make }: Stage,
  isEnough: (unsentBytes: number) => boolean,
  app = gateway(),
) {
  const begin = source.top;
  const startedAt = performance.now();
  let mostUnsent = 0;
  await source.run(
    PER_SECOND,
    (n) => make(begin + n),
    async () => {
      const unsentBytes = await metric('stepcast_unsent_bytes', app);
      mostUnsent = Math.max(mostUnsent, unsentBytes);
      return isEnough(unsentBytes);
    },
  );
  const perSecond = (1_000 * (source.top - begin)) / (performance.now() - startedAt);
  return { mostUnsent, perSecond };
}

/** Appends until the hub has stopped writing to somebody, and then so many events more. */
async function overwhelm(stage: Stage, more: number, app = gateway()) {
  await appendUntil(stage, (unsentBytes) => unsentBytes >= 65_536, app);
  const enough = stage.source.top + more;
  return appendUntil(stage, () => stage.source.top >= enough, app);
}

/** What was seen is what the source has written, but for the terminal event, which only Redis knows. */
function expectState(seen: Seen, source: EventSource): void {
  const plain = ({ end, ...state }: Seen['state']) => ({ ...state, end: end?.type });
  expect(plain(seen.state)).toEqual(plain(source.state));
}

const cases = (['ws', 'sse'] as const).flatMap((transport) =>
  (['latest', 'append', 'all'] as const).map((fold) => ({ transport, fold })),
);

describe('a viewer that stops reading at 5,000 events a second', () => {
  it.each(cases)(
    '49. $transport, $fold: costs a bounded amount, disturbs nobody, and catches up',
    async ({ transport, fold }) => {
      const stage = await setStage(fold, transport);
      const { source, make, slow, neighbours } = stage;
      const merged = await metric('stepcast_merged_events_total');
      await appendUntil(stage, () => source.top >= 4_000);
      await Promise.all([slow, ...neighbours].map((watcher) => reaches(watcher, source.top)));
      const usualDelayMs = stage.takeDelayMs();

      slow.pause();
      const { mostUnsent, perSecond } = await overwhelm(stage, 8_000);
      await Promise.all(neighbours.map((neighbour) => reaches(neighbour, source.top)));

      expect(slow.seen.seq).toBeLessThan(source.top);
      // Of three connections; and of the one alone, which never takes any, so that it had no more before.
      expect(mostUnsent).toBeLessThan(3 * MAX_UNSENT_BYTES);
      expect(await metric('stepcast_unsent_bytes')).toBeLessThan(MAX_UNSENT_BYTES);
      expect(perSecond).toBeGreaterThan(MIN_PER_SECOND);
      expect(stage.takeDelayMs()).toBeLessThan(3 * usualDelayMs + 500);

      slow.pause(false);
      await reaches(slow, source.top);
      const backAt = slow.seen.marks.length;
      await source.append([make(-1), make(-2), make(-3)]);
      await source.end();
      const all = [slow, ...neighbours];
      await Promise.all(all.map((watcher) => watcher.ended()));

      for (const { seen, connects } of all) {
        expect(seen.faults).toEqual([]);
        expect(seen.resets).toEqual([]);
        expect(connects).toBe(1);
        expectState(seen, source);
      }
      // Up to date again, it gets every event again.
      expect(slow.seen.marks.slice(backAt).map(({ seq }) => source.top - seq)).toEqual([
        3, 2, 1, 0,
      ]);
      const spared = source.top - slow.seen.marks.length;
      expect((await metric('stepcast_merged_events_total')) - merged).toBe(spared);
      expect(spared > 0).toBe(fold !== 'all');
    },
    120_000,
  );

  it.each(['ws', 'sse'] as const)(
    '49. %s: is told `slow` and begins anew with the state when the log was cut behind its back',
    async (transport) => {
      const stage = await setStage('append', transport);
      const { source, slow, neighbours } = stage;
      slow.pause();
      await overwhelm(stage, 5_000);
      await source.trim();
      await source.append([stage.make(-1)]);
      // The window must have left the cursor behind, or the hub could serve it from memory.
      await Promise.all(neighbours.map((neighbour) => reaches(neighbour, source.top)));
      slow.pause(false);
      await reaches(slow, source.top);
      await source.end();
      await Promise.all([slow, ...neighbours].map((watcher) => watcher.ended()));

      expect(slow.seen.resets).toEqual(['slow']);
      expect(neighbours.flatMap(({ seen }) => seen.resets)).toEqual([]);
      for (const { seen } of [slow, ...neighbours]) {
        expect(seen.faults).toEqual([]);
        expectState(seen, source);
      }
    },
    120_000,
  );

  it.each(['ws', 'sse'] as const)(
    '49. %s: is closed when it takes nothing for SLOW_VIEWER_MS, and resumes where it was',
    async (transport) => {
      const strict = await hub.add('gateway', { SLOW_VIEWER_MS: '4000' });
      const stage = await setStage('all', transport, strict);
      const { source, slow, neighbours } = stage;
      slow.pause();
      await overwhelm(stage, 100, strict);
      await waitFor(async () => (await metric('stepcast_slow_closes_total', strict)) >= 1, 30_000);
      slow.pause(false);
      await reaches(slow, source.top);
      await source.end();
      await Promise.all([slow, ...neighbours].map((watcher) => watcher.ended()));

      expect(slow.connects).toBe(2);
      for (const { seen } of [slow, ...neighbours]) {
        expect(seen.faults).toEqual([]);
        expectState(seen, source);
      }
      expect(neighbours.map(({ connects }) => connects)).toEqual([1, 1]);
      await strict.kill('SIGKILL');
    },
    120_000,
  );
});

describe('a viewer that stops reading before the end', () => {
  it.each(cases)(
    '50. $transport, $fold: still gets the terminal event, once, behind everything else',
    async ({ transport, fold }) => {
      const stage = await setStage(fold, transport);
      const { source, slow, neighbours } = stage;
      slow.pause();
      await overwhelm(stage, 2_000);
      await source.end();
      await Promise.all(neighbours.map((neighbour) => neighbour.ended()));
      expect(slow.seen.hasEnded).toBe(false);

      slow.pause(false);
      await slow.ended();

      expect(slow.seen.faults).toEqual([]);
      expect(slow.seen.types.filter((type) => type === 'completed')).toHaveLength(1);
      expect(slow.seen.seq).toBe(source.top);
      expectState(slow.seen, source);
    },
    120_000,
  );
});

describe('the memory of all channels', () => {
  it('49. stays within CHANNEL_MEMORY_BYTES, however many jobs are busy, and nobody loses anything', async () => {
    const small = await hub.add('gateway', { CHANNEL_MEMORY_BYTES: String(MIB) });
    const stages = await Promise.all(Array.from({ length: 8 }, () => setStage('all', 'ws', small)));
    let most = 0;
    const look = async (): Promise<void> => {
      most = Math.max(most, await metric('stepcast_channel_memory_bytes', small));
    };
    // Each would fill a window of 1 MiB.
    await Promise.all(
      stages.map(async ({ source, make }) => {
        for (let n = 0; n < 1_500; n += 50) {
          await source.append(Array.from({ length: 50 }, (_, index) => make(n + index)));
          await look();
        }
      }),
    );
    const late = stages.map(
      ({ source }) =>
        new Watcher({
          ...{ job: source.job, gateways: [small.url], transport: 'sse' },
          foldOf: sampleFold('pace'),
        }),
    );
    await Promise.all(stages.map(({ source }) => source.end()));

    for (const [index, { source, slow, neighbours }] of stages.entries()) {
      for (const watcher of [slow, ...neighbours, ...late.slice(index, index + 1)]) {
        const seen = await watcher.ended();
        expect(seen.faults).toEqual([]);
        expectState(seen, source);
      }
    }
    expect(most).toBeGreaterThan(MIB / 2);
    expect(most).toBeLessThan(2 * MIB);
    await small.kill('SIGKILL');
  }, 120_000);
});

it('leaves nothing behind', async () => {
  stopAllWatchers();
  await expectNothingLeft(hub, baseline);
}, 60_000);

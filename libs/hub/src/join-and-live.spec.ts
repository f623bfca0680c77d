import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  completeOptions,
  jobOptionsSchema,
  parsePosition,
  type FoldKind,
  type JobEvent,
} from '@stepcast/protocol';
import {
  Fold,
  HolderLeases,
  Hub,
  MemoryStore,
  type Encoder,
  type JobState,
  type Watch,
} from './index.js';

/**
 * Random interleavings of one writer, a lossy feed, a slow store, little memory, and viewers that come, go
 * and stall, checked against the writer's own fold. Every step of the world is one number of a random program, so a
 * failure shrinks to a short program and is replayed by the seed that fast-check prints.
 */

const JOB = '0199a4c0-7000-7000-8000-000000000001';
const OPTIONS = completeOptions(jobOptionsSchema.parse({}), { policy: 'continue', graceMs: 0 });
const RUNS = 10_000;

type Message =
  | { kind: 'events'; epoch: string; events: JobEvent[] }
  | { kind: 'reset'; epoch: string; reason: string }
  | { kind: 'snapshot'; position: string; state: JobState };

const encoder: Encoder = {
  events: (epoch, entries) =>
    encode({
      kind: 'events',
      epoch,
      events: entries.map(({ json }) => JSON.parse(json) as JobEvent),
    }),
  reset: ({ epoch, reason }) => encode({ kind: 'reset', epoch, reason }),
  snapshot: ({ position, state }) =>
    encode({ kind: 'snapshot', position, state: state as JobState }),
};

function encode(message: Message): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}

const FOLDS: Readonly<Record<string, FoldKind>> = { token: 'append', step: 'latest' };
const foldOf = (type: string): FoldKind => FOLDS[type] ?? 'all';

/** A client that believes nothing: it checks each message against what it holds. */
class CheckedViewer {
  epoch = '';
  seq = 0;
  fold = new Fold(foldOf);
  hasEnded = false;
  isAwaitingSnapshot = false;
  watch: Watch | undefined;
  /** Between its call and the hub's answer: one client does not come twice at once. */
  isComing = false;
  unsentBytes = 0;
  /** Whether it ever took nothing while events came: only then may some be merged. */
  hasStalled = false;
  /** Events that it was spared. */
  merged = 0;
  readonly encoder = encoder;
  readonly #typeOf: (epoch: string, seq: number) => string | undefined;

  constructor(typeOf: (epoch: string, seq: number) => string | undefined) {
    this.#typeOf = typeOf;
  }

  get refusedBytes(): number {
    return this.unsentBytes;
  }

  /** The hub survives what a connection throws, so faults are kept, not thrown. */
  readonly faults: unknown[] = [];

  write(chunk: Uint8Array): void {
    try {
      this.#take(JSON.parse(new TextDecoder().decode(chunk)) as Message);
    } catch (error) {
      this.faults.push(error);
    }
  }

  #take(message: Message): void {
    if (message.kind === 'reset') {
      const isSameLog = message.epoch === this.epoch;
      if (isSameLog && message.reason === 'lost') throw new Error('a reset, and nothing was lost');
      this.isAwaitingSnapshot = true;
      return;
    }
    if (message.kind === 'snapshot') {
      if (!this.isAwaitingSnapshot) throw new Error('a snapshot without a reset');
      this.isAwaitingSnapshot = false;
      ({ epoch: this.epoch, seq: this.seq } = parsePosition(message.position));
      this.fold = new Fold(foldOf, message.state);
      return;
    }
    if (this.isAwaitingSnapshot) throw new Error('an event between reset and snapshot');
    if (this.epoch !== '' && message.epoch !== this.epoch)
      throw new Error('another epoch, unannounced');
    this.epoch = message.epoch;
    for (const event of message.events) {
      this.#checkSkipped(event);
      if (this.hasEnded) throw new Error('an event after the end');
      this.seq = event.seq;
      this.fold.apply(event);
      this.hasEnded ||= event.type === 'completed';
    }
  }

  /** Between two events may only be missing what the declared fold lets go. */
  #checkSkipped(event: JobEvent): void {
    if (event.seq <= this.seq) throw new Error(`${event.seq} after ${this.seq}`);
    for (let seq = this.seq + 1; seq < event.seq; seq++) {
      const type = this.#typeOf(this.epoch, seq);
      const isJoined = type === 'token' && event.type === 'token';
      if (!this.hasStalled || !(isJoined || type === 'step')) {
        throw new Error(`${type} ${seq} was skipped before ${event.type} ${event.seq}`);
      }
      this.merged++;
    }
  }
}

/** The world around one hub: every queue is emptied only when the program says so. */
class World {
  now = 0;
  readonly deliveries: (() => void)[] = [];
  readonly confirmations: (() => void)[] = [];
  readonly reads: (() => void)[] = [];
  readonly turns: (() => void)[] = [];
  readonly tries: (() => void)[] = [];
  readonly timers = new Set<() => void>();
  readonly viewers: CheckedViewer[] = [];
  readonly errors: unknown[] = [];
  readonly reference = new Fold(foldOf);
  readonly store = new MemoryStore({
    now: () => this.now,
    deliver: (_job, run) => this.deliveries.push(run),
    confirm: (_job, run) => this.confirmations.push(run),
  });
  readonly #clock = {
    now: () => this.now,
    after: (delayMs: number, callback: () => void) => {
      // What tries again at once is under way; lingering and audits are not.
      if (delayMs < 1_000) this.tries.push(callback);
      const timer = (): void => {
        this.timers.delete(timer);
        callback();
      };
      if (delayMs >= 1_000) this.timers.add(timer);
      return () => this.timers.delete(timer);
    },
  };
  readonly #onError = (error: unknown): void => {
    this.errors.push(error);
  };
  readonly hub = new Hub({
    reader: {
      heads: (jobs) => this.store.reader.heads(jobs),
      // The read happens, and its answer arrives, when the program says so.
      read: (job, after, limit, maxBytes) =>
        new Promise((resolve, reject) => {
          this.reads.push(() => {
            this.store.reader.read(job, after, Math.min(limit, 5), maxBytes).then((page) => {
              this.reads.push(() => {
                resolve(page);
              });
            }, reject);
          });
        }),
    },
    feed: this.store.feed,
    holders: new HolderLeases({
      gateway: 'g',
      leases: this.store.leases,
      clock: this.#clock,
      onError: this.#onError,
    }),
    clock: this.#clock,
    defer: (callback) => this.turns.push(callback),
    onIdle: () => undefined,
    onError: this.#onError,
    foldsOf: (model) => (model === 'm' ? foldOf : () => 'all'),
    maxWindowBytes: 1_000,
    maxMemoryBytes: 900,
    maxChunkBytes: 150,
  });
  /** Types of all events that were ever stored, by `<epoch>.<seq>`. */
  readonly #types = new Map<string, string>();
  #attempt = 0;
  #token = '';
  #claimedAt = 0;
  #epoch = 'e0';
  #top = 1;
  #producerSeq = 0;
  #tokens = 0;
  isEnded = false;
  /** Whether a message, or the store, was lost. */
  hasLost = false;

  async begin(): Promise<void> {
    await this.store.records.create({
      id: JOB,
      epoch: 'e0',
      model: 'm',
      input: '{}',
      options: OPTIONS,
    });
    await this.claim();
  }

  async claim(): Promise<void> {
    const claim = await this.store.writer.claim(JOB, 'w');
    if (claim.kind !== 'claimed') return;
    this.#attempt = claim.attempt;
    this.#token = claim.token;
    this.#claimedAt = claim.at;
    this.#producerSeq = 0;
    await this.append([{ type: 'started', data: '{}' }]);
  }

  /** Appends as a worker does, and folds what the log then holds into the reference. */
  async append(events: { type: string; data: string }[]): Promise<void> {
    if (this.isEnded) return;
    const result = await this.store.writer.append({
      job: JOB,
      attempt: this.#attempt,
      token: this.#token,
      epoch: this.#epoch,
      firstProducerSeq: this.#producerSeq + 1,
      expectedTop: this.#top,
      events,
    });
    if (result.kind !== 'stored') throw new Error(result.kind);
    this.#producerSeq += events.length;
    const page = await this.store.reader.read(JOB, this.#top, 100);
    for (const { seq, type, json } of page?.entries ?? []) {
      this.#types.set(`${this.#epoch}.${seq}`, type);
      this.reference.apply(JSON.parse(json) as JobEvent);
    }
    this.#top = result.top;
    this.isEnded = events.at(-1)?.type === 'completed';
  }

  tokens(count: number): Promise<void> {
    return this.append(
      Array.from({ length: count }, () => ({
        type: 'token',
        data: JSON.stringify({ text: `${this.#tokens++} ` }),
      })),
    );
  }

  /** Tokens and steps by turns, and now and then a line: some of every fold. */
  work(count: number): Promise<void> {
    return this.append(
      Array.from({ length: count }, () => {
        const n = this.#tokens++;
        if (n % 7 === 6) return { type: 'line', data: JSON.stringify(`line ${n}`) };
        return n % 2 === 0
          ? { type: 'token', data: JSON.stringify({ text: `${n} ` }) }
          : { type: 'step', data: JSON.stringify({ step: n }) };
      }),
    );
  }

  /** Trims the log behind a snapshot of everything so far. */
  async trim(): Promise<void> {
    await this.store.writer.saveSnapshot({
      job: JOB,
      attempt: this.#attempt,
      token: this.#token,
      epoch: this.#epoch,
      seq: this.#top,
      state: JSON.stringify(this.reference.state),
    });
  }

  /** The store lost the job; the worker begins a new epoch. */
  async lose(): Promise<void> {
    if (this.isEnded) return;
    this.hasLost = true;
    const record = await this.store.records.get(JOB);
    if (record === undefined) throw new Error('no record');
    this.store.loseJob(JOB);
    this.#epoch = `e${Number(this.#epoch.slice(1)) + 1}`;
    this.#top++;
    const state = JSON.stringify(this.reference.state);
    await this.store.writer.restore({
      record,
      input: '{}',
      attempt: this.#attempt,
      token: this.#token,
      claimedAt: this.#claimedAt,
      epoch: this.#epoch,
      seq: this.#top,
      state,
      producerSeq: this.#producerSeq,
    });
  }

  /** A viewer comes: new from the start, or back at the position of one that left. */
  async join(index: number): Promise<void> {
    const gone = this.viewers.filter(
      ({ watch, isComing, epoch }) => watch === undefined && !isComing && epoch !== '',
    );
    const back = gone[index % (gone.length + 1)];
    const viewer = back ?? new CheckedViewer((epoch, seq) => this.#types.get(`${epoch}.${seq}`));
    if (back === undefined) this.viewers.push(viewer);
    const from = back === undefined ? 'start' : { epoch: viewer.epoch, seq: viewer.seq };
    viewer.isComing = true;
    void this.hub
      .watch({
        job: JOB,
        from,
        hold: index % 2 === 0,
        transport: viewer,
        onEnd: () => undefined,
        onFail: (error) => viewer.faults.push(error),
      })
      .then((watch) => {
        viewer.watch = watch;
        watch.pump();
      })
      .catch(this.#onError)
      .finally(() => {
        viewer.isComing = false;
      });
    await settle();
  }

  leave(index: number): void {
    const viewer = this.viewers[index % Math.max(1, this.viewers.length)];
    viewer?.watch?.leave();
    if (viewer !== undefined) viewer.watch = undefined;
  }

  /** Switches a viewer between taking nothing and taking everything. */
  stall(index: number): void {
    const viewer = this.viewers[index % Math.max(1, this.viewers.length)];
    if (viewer === undefined) return;
    viewer.unsentBytes = viewer.unsentBytes === 0 ? 1_000_000 : 0;
    viewer.hasStalled = true;
    viewer.watch?.pump();
  }

  /** Much is written, and arrives, while a viewer takes nothing; mostly one that was up to date. */
  async overwhelm(index: number): Promise<void> {
    if (index % 3 > 0) await this.#runDry();
    const viewer = this.viewers[index % Math.max(1, this.viewers.length)];
    if (viewer?.unsentBytes === 0) this.stall(index);
    await this.work(8);
    for (const queue of [this.deliveries, this.turns]) {
      while (queue.length > 0) queue.shift()?.();
      await settle();
    }
  }

  /** Lets everything happen that is under way, including timers, until nothing is left to happen. */
  async finish(): Promise<void> {
    for (const viewer of this.viewers) {
      viewer.unsentBytes = 0;
      viewer.watch?.pump();
    }
    for (let round = 0; round < 6; round++) {
      // Without a lost message everything must heal by itself; else by an audit.
      if (this.hasLost) this.store.feed.interrupt();
      await this.#runDry();
    }
  }

  /** Lets everything happen that is under way, but timers. */
  async #runDry(): Promise<void> {
    const queues = [this.confirmations, this.deliveries, this.reads, this.turns, this.tries];
    await settle();
    while (queues.some(({ length }) => length > 0)) {
      for (const queue of queues) queue.shift()?.();
      await settle();
    }
  }
}

/** Lets chains of promises run to where they wait for the world. */
async function settle(): Promise<void> {
  for (let tick = 0; tick < 12; tick++) await Promise.resolve();
}

type Action = (world: World, argument: number) => unknown;

const ACTIONS: readonly Action[] = [
  (world, n) => world.tokens(1 + (n % 3)),
  (world, n) => world.work(1 + (n % 8)),
  (world, n) => world.join(n),
  (world, n) => world.join(n),
  (world, n) => {
    world.leave(n);
  },
  (world, n) => {
    world.stall(n);
  },
  (world, n) => world.overwhelm(n),
  (world) => world.deliveries.shift()?.(),
  (world) => world.deliveries.shift()?.(),
  (world) => {
    world.hasLost ||= world.deliveries.shift() !== undefined;
  },
  (world) => world.confirmations.shift()?.(),
  (world) => world.confirmations.shift()?.(),
  (world) => world.reads.shift()?.(),
  (world) => world.reads.shift()?.(),
  (world) => world.reads.shift()?.(),
  (world) => world.turns.shift()?.(),
  (world) => world.turns.shift()?.(),
  (world) => [...world.timers][0]?.(),
  (world) => world.tries.shift()?.(),
  (world) => world.trim(),
  (world) => world.lose(),
  (world) => world.claim(),
];

const program = fc.array(fc.tuple(fc.nat(ACTIONS.length - 1), fc.nat(30)), {
  minLength: 5,
  maxLength: 40,
});

describe('join, live and heal', () => {
  it(`18. keep every viewer whole in ${RUNS} random interleavings`, async () => {
    let events = 0;
    let resets = 0;
    let merged = 0;
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        const world = new World();
        await world.begin();
        for (const [action, argument] of steps) {
          await ACTIONS[action]?.(world, argument);
          await settle();
        }
        if (!world.isEnded) await world.append([{ type: 'completed', data: '{}' }]);
        await world.finish();

        const faults = [...world.errors, ...world.viewers.flatMap((viewer) => viewer.faults)];
        if (faults.length > 0) throw faults[0];
        for (const viewer of world.viewers) {
          if (viewer.watch === undefined) continue;
          events += viewer.seq;
          resets += viewer.epoch === 'e0' ? 0 : 1;
          merged += viewer.merged;
          if (!isSame(viewer.fold.state, world.reference.state)) {
            throw new Error(
              `${JSON.stringify(viewer.fold.state)} is not ${JSON.stringify(world.reference.state)}`,
            );
          }
        }
      }),
      { numRuns: RUNS },
    );

    // The programs did reach what they are meant to test.
    expect(events).toBeGreaterThan(RUNS);
    expect(resets).toBeGreaterThan(RUNS / 100);
    expect(merged).toBeGreaterThan(RUNS / 100);
  }, 120_000);
});

/**
 * Equal but for the time and seq of the terminal event, which a restored log counts differently, and the
 * order in which types were first seen, of which some are not.
 */
function isSame(one: JobState, other: JobState): boolean {
  const plain = ({ end, events, ...state }: JobState) =>
    JSON.stringify([end?.type, state, Object.entries(events).sort()]);
  return plain(one) === plain(other);
}

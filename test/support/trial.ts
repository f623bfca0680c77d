// One job of the model `faulty`, with what is known of it from three sides: its viewers, its log and the
// journal that the model itself has kept. Knows nothing of jest.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import type { JobState } from '@stepcast/hub';
import { isTerminalType } from '@stepcast/protocol';

import { call, submit, type JobView, type SeenEvent } from './clients.js';
import type { Cluster } from './cluster.js';
import { readLog } from './read-log.js';
import { Watcher, type WatchTransport } from './watcher.js';

/** Where `faulty` lies: `MODELS_DIR` of a cluster that runs trials. */
export const FAULTY_MODELS = fileURLToPath(new URL('../fault/models', import.meta.url));

const TRANSPORTS: readonly WatchTransport[] = ['ws', 'sse'];

/** A line that the model wrote before it did what the line says. */
export interface JournalLine {
  readonly attempt: number;
  /** Of the model host. */
  readonly pid: number;
  readonly what: 'began' | 'step' | 'fault' | 'ended';
  readonly step?: number;
  readonly value?: number;
}

export interface TrialInput {
  readonly steps?: number;
  readonly everyMs?: number;
  readonly fault?: string;
  /** The step at which it misbehaves. */
  readonly at?: number;
  /** Only so many attempts misbehave. */
  readonly failAttempts?: number;
  readonly blockMs?: number;
  readonly isCaught?: boolean;
}

/** Options of the job, and how many viewers it has: by WebSocket and SSE in turn, over all gateways. */
export type TrialOptions = { readonly watch?: number } & Readonly<Record<string, unknown>>;

export class Trial {
  readonly id: string;
  readonly watchers: Watcher[] = [];
  readonly #cluster: Cluster;
  readonly #file: string;
  readonly #steps: number;

  private constructor(id: string, cluster: Cluster, file: string, steps: number) {
    this.id = id;
    this.#cluster = cluster;
    this.#file = file;
    this.#steps = steps;
  }

  static async submit(
    cluster: Cluster,
    { steps = 20, ...input }: TrialInput,
    { watch = 4, ...options }: TrialOptions = {},
  ): Promise<Trial> {
    const journal = path.join(await mkdtemp(path.join(tmpdir(), 'stepcast-trial-')), 'journal');
    const { id } = await submit(cluster.api, 'faulty', { ...input, steps, journal }, options);
    const trial = new Trial(id, cluster, journal, steps);
    for (let i = 0; i < watch; i++) trial.watch(TRANSPORTS[i % 2], i >> 1);
    return trial;
  }

  /** Leaves no trace of it here. */
  async forget(): Promise<void> {
    for (const watcher of this.watchers) watcher.stop();
    await rm(path.dirname(this.#file), { recursive: true, force: true });
  }

  watch(transport: WatchTransport = 'ws', firstGateway = 0): Watcher {
    const foldOf = (type: string) => (type === 'text' ? 'append' : 'all');
    const gateways = this.#cluster.gatewayUrls;
    const watcher = new Watcher({ job: this.id, gateways, transport, foldOf }, firstGateway);
    this.watchers.push(watcher);
    return watcher;
  }

  /** Waits until the first viewer has seen so many steps of an attempt. */
  async reached(steps: number, attempt = 1, deadlineMs = 30_000): Promise<void> {
    const watcher = this.watchers[0];
    if (watcher === undefined) throw new Error('nobody watches');
    const count = () =>
      watcher.seen.marks.filter((mark) => mark.type === 'step' && mark.attempt === attempt).length;
    await watcher.until(() => count() >= steps, deadlineMs, `step ${steps} of attempt ${attempt}`);
  }

  /** Waits until every viewer has seen the end. */
  async ended(deadlineMs = 60_000): Promise<void> {
    await Promise.all(this.watchers.map((watcher) => watcher.ended(deadlineMs)));
  }

  async view(): Promise<JobView> {
    return (await call<JobView>(`${this.#cluster.api}/v1/jobs/${this.id}`)).body;
  }

  /** The events as the log has them. */
  log(): Promise<SeenEvent[]> {
    return readLog(this.#cluster.api, this.id);
  }

  async eventsOf(type: string): Promise<SeenEvent[]> {
    return (await this.log()).filter((event) => event.type === type);
  }

  /** The hosts that it was started on, by attempt. */
  async hosts(): Promise<string[]> {
    return (await this.eventsOf('started')).map(({ data }) => String(data['host']));
  }

  /** The attempts in which the model was begun, in order. */
  async runs(): Promise<number[]> {
    const began = (await this.journal()).filter(({ what }) => what === 'began');
    return began.map(({ attempt }) => attempt);
  }

  async journal(): Promise<JournalLine[]> {
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as JournalLine);
  }

  /**
   * What is wrong with the job now that it has ended: with what each viewer saw, with the log, and with
   * what remains of it, compared with the journal. None = nothing lost, nothing twice, one end.
   */
  async faults(): Promise<string[]> {
    const log = await this.log();
    const found = logFaults(log);
    const marks = JSON.stringify(log.map(markOf));
    const emitted = await this.#emitted(log);
    for (const [index, { seen }] of this.watchers.entries()) {
      const who = `viewer ${index}`;
      found.push(...seen.faults.map(({ kind, what }) => `${who}: ${kind}: ${what}`));
      const own = seen.marks.map(({ seq, attempt, type, hash }) => ({ seq, attempt, type, hash }));
      if (JSON.stringify(own) !== marks) found.push(`${who} saw something else than the log has`);
      if (!isPartOf(seen.state, emitted))
        found.push(`${who} holds something else than the journal has`);
    }
    return found;
  }

  /** What the newest attempt has emitted. Who ends a job from outside takes an attempt without a start. */
  async #emitted(log: readonly SeenEvent[]): Promise<Emitted> {
    const newest = log.findLast(({ type }) => type === 'started')?.attempt;
    const lines = (await this.journal()).filter(
      ({ attempt, what }) => attempt === newest && what === 'step',
    );
    return {
      isWhole: log.at(-1)?.type === 'completed',
      steps: lines.map(({ step, value }) => ({ step, of: this.#steps, value })),
    };
  }
}

interface Emitted {
  /** Whether all of it must have arrived; what a process emitted while it died need not. */
  readonly isWhole: boolean;
  readonly steps: readonly object[];
}

function isPartOf({ events }: JobState, { isWhole, steps }: Emitted): boolean {
  const { step = [], text = { text: '' } } = events as {
    step?: unknown[];
    text?: { text: string };
  };
  const expected = isWhole ? steps : steps.slice(0, step.length);
  // The death of a process may also part the two events of its last step.
  const words = expected.map((one) => `${String((one as JournalLine).value)} `);
  const texts = [words.join(''), ...(isWhole ? [] : [words.slice(0, -1).join('')])];
  return isDeepStrictEqual(step, expected) && texts.includes(text.text);
}

function markOf(event: SeenEvent): object {
  const { seq, attempt, type } = event;
  return {
    seq,
    attempt,
    type,
    hash: createHash('sha1').update(JSON.stringify(event)).digest('hex'),
  };
}

function logFaults(log: readonly SeenEvent[]): string[] {
  const found: string[] = [];
  const ends = log.filter(({ type }) => isTerminalType(type));
  if (ends.length !== 1 || ends[0] !== log.at(-1))
    found.push(`the log has ${ends.length} ends: ${log.map(({ type }) => type).join(' ')}`);
  const hole = log.findIndex(({ seq }, index) => seq !== index + 1);
  if (hole !== -1) found.push(`the log has a hole at ${hole}`);
  const back = log.findIndex(({ attempt }, index) => attempt < (log[index - 1]?.attempt ?? 0));
  if (back !== -1) found.push(`an older attempt wrote event ${back + 1}`);
  return found;
}

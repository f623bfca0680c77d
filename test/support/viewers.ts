// Many viewers of one job, and what must be true of all of them.
import { createHash } from 'node:crypto';

import { isTerminalType, type JobEvent } from '@stepcast/protocol';

import { call, submit } from './clients.js';
import type { Cluster } from './cluster.js';
import { sampleFold, stateFaults } from './sample-folds.js';
import type { Seen } from './seen.js';
import { waitFor } from './wait.js';
import { Watcher, type WatcherOptions } from './watcher.js';

export interface SubmittedJob {
  readonly id: string;
  readonly model: string;
  readonly input: object;
}

type Options = Partial<Omit<WatcherOptions, 'job' | 'gateways'>>;

/** One viewer; `first` is the gateway that it begins with. */
export function watch(
  { gatewayUrls }: Pick<Cluster, 'gatewayUrls'>,
  { id, model }: SubmittedJob,
  { transport = 'ws', ...options }: Options = {},
  first = 0,
): Watcher {
  const fixed = { job: id, gateways: gatewayUrls, transport, foldOf: sampleFold(model) };
  return new Watcher({ ...fixed, ...options }, first);
}

/** A viewer of each transport on each gateway. */
export function watchEverywhere(
  cluster: Pick<Cluster, 'gatewayUrls'>,
  job: SubmittedJob,
  options: Options = {},
): Watcher[] {
  return cluster.gatewayUrls.flatMap((_url, first) =>
    (['ws', 'sse'] as const).map((transport) =>
      watch(cluster, job, { ...options, transport }, first),
    ),
  );
}

/** Waits until every viewer has seen the end; names those that have not. */
export async function allEnded(watchers: readonly Watcher[], deadlineMs = 30_000): Promise<void> {
  await waitFor(() => watchers.every(({ isOver }) => isOver), deadlineMs).catch(() => {
    const late = watchers.filter(({ isOver }) => !isOver).map(({ seen }) => seen);
    const first = `the first at ${late[0]?.position}: ${late[0]?.types.slice(-8).join(' ')}`;
    throw new Error(
      `${late.length} of ${watchers.length} saw no end in ${deadlineMs} ms; ${first}`,
    );
  });
}

/** Orders a job to stop. */
export async function cancel(
  { api }: Pick<Cluster, 'api'>,
  { id }: Pick<SubmittedJob, 'id'>,
): Promise<void> {
  await call(`${api}/v1/jobs/${id}`, { method: 'DELETE' });
}

/** Keeps `slots` slots of the workers busy, so that jobs wait in the queue; the answer sets them free. */
export async function occupy(cluster: Cluster, slots = 1): Promise<() => Promise<void>> {
  const input = { steps: 100_000, everyMs: 50 };
  const jobs = await Promise.all(
    Array.from({ length: slots }, () => submit(cluster.api, 'pace', input)),
  );
  const statuses = () =>
    jobs.map(({ id }) => cluster.client.hget(`${cluster.prefix}:{${id}}:meta`, 'status'));
  await waitFor(async () =>
    (await Promise.all(statuses())).every((status) => status === 'running'),
  );
  return async () => {
    await Promise.all(jobs.map((job) => cancel(cluster, job)));
  };
}

/**
 * What is wrong with what viewers of a job that has ended saw: faults of order, a folded state that is not
 * the job's, events that are not those of the log.
 * @param status how the job should have ended
 */
export async function viewerFaults(
  cluster: Cluster,
  job: SubmittedJob,
  viewers: readonly { readonly seen: Seen }[],
  status: 'completed' | 'cancelled' = 'completed',
): Promise<string[]> {
  const log = await readStored(cluster, job.id);
  const ends = log.types.filter(isTerminalType);
  const isEndedOnce = ends.length === 1 && log.types.at(-1) === status;
  return [
    ...(isEndedOnce ? [] : [`the log's ends: ${ends.join(' ')}, its last: ${log.types.at(-1)}`]),
    ...viewers.flatMap(({ seen }) => [
      ...seenFaults(job, seen, log),
      ...(seen.state.status === status ? [] : [`it ended as ${seen.state.status}`]),
    ]),
  ];
}

/** What the log holds. */
interface Stored {
  readonly epoch: string;
  /** SHA-1 of each event's bytes, by seq. */
  readonly hashes: ReadonlyMap<number, string>;
  readonly types: readonly string[];
}

async function readStored({ client, prefix }: Cluster, job: string): Promise<Stored> {
  const epoch = await client.hget(`${prefix}:{${job}}:meta`, 'epoch');
  const entries = await client.xrange(`${prefix}:{${job}}:log`, '-', '+');
  const texts = entries.map(([id, fields]) => [Number.parseInt(id, 10), fields[1] ?? ''] as const);
  const hashes = texts.map(
    ([seq, text]) => [seq, createHash('sha1').update(text).digest('hex')] as const,
  );
  return {
    epoch: epoch ?? 'none',
    hashes: new Map(hashes),
    types: texts.map(([, text]) => (JSON.parse(text) as JobEvent).type),
  };
}

function seenFaults({ model, input }: SubmittedJob, seen: Seen, log: Stored): string[] {
  const foreign = seen.marks.find(
    ({ epoch, seq, hash }) => epoch === log.epoch && (log.hashes.get(seq) ?? hash) !== hash,
  );
  // Events of an epoch that was lost may be seen, but then a reset has said so.
  const isOfLog =
    seen.position?.startsWith(`${log.epoch}.`) === true &&
    (seen.resets.length > 0 || seen.marks.every(({ epoch }) => epoch === log.epoch));
  const isFromStart = seen.marks[0]?.seq === 1 || seen.resets.length > 0;
  return [
    ...seen.faults.map(({ kind, what }) => `${kind}: ${what}`),
    ...(isOfLog ? [] : [`at ${seen.position}, but the log's epoch is ${log.epoch}`]),
    ...(foreign === undefined ? [] : [`not the log's event: ${foreign.epoch}.${foreign.seq}`]),
    ...(isFromStart
      ? [...stateFaults(model, input, seen.state), ...(model === 'pace' ? paceFaults(seen) : [])]
      : []),
  ];
}

/** However a `pace` job ended, its steps count from 1. */
function paceFaults({ state }: Seen): string[] {
  const steps = (state.events['step'] ?? []) as { readonly step: number }[];
  const off = steps.findIndex(({ step }, index) => step !== index + 1);
  return off === -1 ? [] : [`pace: step ${steps[off]?.step} is the ${off + 1}th`];
}

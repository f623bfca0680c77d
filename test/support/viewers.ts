// Many viewers of one job, and what must be true of all of them.
import { createHash } from 'node:crypto';

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
  const log = await readHashes(cluster, job.id);
  return viewers.flatMap(({ seen }) => [
    ...seenFaults(job, seen, log),
    ...(seen.state.status === status ? [] : [`it ended as ${seen.state.status}`]),
  ]);
}

/** SHA-1 of the event's bytes, by `<epoch>.<seq>`. */
type LogHashes = ReadonlyMap<string, string>;

async function readHashes({ client, prefix }: Cluster, job: string): Promise<LogHashes> {
  const epoch = await client.hget(`${prefix}:{${job}}:meta`, 'epoch');
  const entries = await client.xrange(`${prefix}:{${job}}:log`, '-', '+');
  return new Map(
    entries.map(([id, fields]) => [
      `${epoch}.${id.slice(0, id.indexOf('-'))}`,
      createHash('sha1')
        .update(fields[1] ?? '')
        .digest('hex'),
    ]),
  );
}

function seenFaults({ model, input }: SubmittedJob, seen: Seen, log: LogHashes): string[] {
  const foreign = seen.marks.find(({ epoch, seq, hash }) => {
    const stored = log.get(`${epoch}.${seq}`);
    return stored !== undefined && stored !== hash;
  });
  const isFromStart = seen.marks[0]?.seq === 1 || seen.resets.length > 0;
  return [
    ...seen.faults.map(({ kind, what }) => `${kind}: ${what}`),
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

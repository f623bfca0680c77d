// What tests of checkpoints share: the models, who runs a job, and what its log says.
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FoldOf, JobState } from '@stepcast/hub';
import type { FoldKind, JobEvent } from '@stepcast/protocol';

import type { AppProcess } from './app-process.js';
import type { Cluster } from './cluster.js';
import { children } from './leaks.js';
import { sampleFold } from './sample-folds.js';
import { waitFor } from './wait.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const stepperFolds: Readonly<Record<string, FoldKind>> = { word: 'append', last: 'latest' };

/** Also of `stepper` (test/fault/checkpoint-models). */
export function foldOfModel(model: string): FoldOf {
  return model === 'stepper' ? (type) => stepperFolds[type] ?? 'all' : sampleFold(model);
}

/** A folder of models: `stepper`, and those samples that draw and write. Remove it in the end. */
export async function createModels(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'stepcast-models-'));
  await link(folder, 'stepper', path.join(root, 'test/fault/checkpoint-models/stepper/model.js'));
  for (const name of ['sketch', 'writer']) {
    await link(folder, name, path.join(root, 'models', name, 'model.ts'));
    for (const file of await readdir(path.join(root, 'models', name))) {
      if (!/\.(onnx|json)$/.test(file)) continue;
      await symlink(path.join(root, 'models', name, file), path.join(folder, name, file));
    }
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function link(folder: string, name: string, file: string): Promise<void> {
  await mkdir(path.join(folder, name));
  const text = `export { default } from ${JSON.stringify(file)};\n`;
  await writeFile(path.join(folder, name, 'model.js'), text);
}

/** Fields of a job's record that a user does not see. */
export async function metaOf({ client, prefix }: Cluster, job: string) {
  return client.hgetall(`${prefix}:{${job}}:meta`);
}

/** Every event that the log still holds. */
export async function logOf({ client, prefix }: Cluster, job: string): Promise<JobEvent[]> {
  const entries = await client.xrange(`${prefix}:{${job}}:log`, '-', '+');
  return entries.map(([, fields]) => JSON.parse(fields[1] ?? '') as JobEvent);
}

/** The worker that runs a job, by the host process that its newest `started` event names. */
export async function workerOf(cluster: Cluster, { started }: JobState): Promise<AppProcess> {
  const { host } = started as { host: string };
  const pid = Number(host.slice(host.lastIndexOf(':') + 1));
  for (const worker of cluster.workers) {
    if ((await children(worker.pid).catch((): number[] => [])).includes(pid)) return worker;
  }
  throw new Error(`no worker runs ${host}`);
}

/** What `stepper` noted: the steps of each attempt, in order. */
export async function readJournal(file: string): Promise<Record<string, string[]>> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).trim().split('\n');
  const attempts: Record<string, string[]> = {};
  for (const line of lines) {
    const [attempt = '', ...words] = line.split(' ');
    (attempts[attempt] ??= []).push(words.join(' '));
  }
  return attempts;
}

/** Waits until the record holds a checkpoint that covers `seq`. */
export async function untilSaved(cluster: Cluster, job: string, seq: number): Promise<void> {
  await waitFor(async () => Number((await metaOf(cluster, job))['ckptSeq']) >= seq, 20_000);
}

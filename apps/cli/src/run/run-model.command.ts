import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Job, JobEvent } from '@stepcast/protocol';
import { CliError, EXIT } from '../cli-error.js';
import type { Edge } from '../edge.js';
import { HubClient } from '../hub-client.js';
import { decodeDataUrl, findDataUrl, formatBytes } from './data-url.js';
import { readInput, type InputOptions } from './input.js';
import { followJob } from './job-stream.js';
import { linesView } from './lines-view.js';
import { PeopleView } from './people-view.js';
import type { RunView } from './run-view.js';
import { cancelJob, submitJob } from './submitted-job.js';

export interface RunOptions extends InputOptions {
  readonly url: string;
  readonly keep?: boolean;
  readonly out?: string;
  readonly progress?: boolean;
  readonly json?: boolean;
}

/** `stepcast run`: submits a job, shows it, and ends as it ends. */
export async function runModelCommand(
  edge: Edge,
  name: string,
  options: RunOptions,
): Promise<number> {
  const hub = new HubClient(options.url);
  const model = await hub.model(name);
  const input = await readInput(options, model, edge);
  const isForPeople = options.progress ?? (options.json !== true && edge.stdout.isTTY === true);
  const view = isForPeople ? new PeopleView(edge, model.folds) : linesView(edge);

  const interrupted = edge.interrupted();
  const job = await submitJob(hub, { model: name, input, isKept: options.keep ?? false });
  const cancel = (): void => {
    view.note('cancelling … (Ctrl-C again leaves at once)');
    cancelJob(hub, job.id).catch((error: unknown) => {
      view.note(`The job could not be cancelled: ${describeError(error)}`);
    });
  };
  if (interrupted.aborted) cancel();
  else interrupted.addEventListener('abort', cancel, { once: true });

  const end = await show(hub, job, view);
  if (end.type === 'completed' && options.out !== undefined) {
    const note = await saveOutput(end, path.resolve(edge.cwd, options.out));
    edge.stderr.write(`${note}\n`);
  }
  return EXIT_OF[end.type] ?? EXIT.failed;
}

const EXIT_OF: Readonly<Record<string, number>> = {
  completed: EXIT.ok,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
};

async function show(hub: HubClient, job: Job, view: RunView): Promise<JobEvent> {
  const lines = followJob(hub, {
    job: job.id,
    position: job.position,
    onBreak: (reason) => {
      view.note(`${reason}; connecting again …`);
    },
  });
  try {
    for (;;) {
      const next = await lines.next();
      if (next.done === true) {
        view.end(next.value);
        return next.value;
      }
      await view.line(next.value);
    }
  } finally {
    view.close();
  }
}

async function saveOutput({ data }: JobEvent, file: string): Promise<string> {
  const url = findDataUrl((data as { output?: unknown }).output);
  const bytes = url === undefined ? undefined : decodeDataUrl(url);
  if (bytes === undefined) {
    throw new CliError(
      'The output holds no data URL that can be read, so --out has nothing to write.',
    );
  }
  await writeFile(file, bytes).catch((cause: unknown) => {
    throw new CliError(`${file} cannot be written (${describeError(cause)}).`, { cause });
  });
  return `wrote ${file} (${formatBytes(bytes.byteLength)})`;
}

const describeError = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

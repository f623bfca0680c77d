import path from 'node:path';
import { withCompiler } from './compile-model.js';
import { runModel } from './create-runner.js';
import { loadModel } from './load-model.js';
import { readModelFolder } from './model-folder.js';
import { ModelRegistry } from './registry.js';

export interface TryOptions {
  /** Execution providers in order of preference; default `cpu`, so that a test is the same everywhere. */
  readonly providers?: readonly string[];
  /** Aborts the run. */
  readonly signal?: AbortSignal;
}

/** What a run has made. */
export interface TriedRun {
  readonly output: unknown;
  /** In order, as a viewer gets their `data`. */
  readonly events: readonly { readonly type: string; readonly data: unknown }[];
  /** What the model said by `ctx.log`. */
  readonly log: readonly string[];
}

/**
 * Runs the model of a folder once, alone, as a worker does: for its author's tests. Nothing else is needed,
 * no hub and no Redis.
 * @param folder of `model.ts`, `model.js` or `model.onnx`; `import.meta.dirname` in a test beside it
 * @throws {Error} when the folder holds no model, or the run fails: `<code>: <message>`
 */
export async function tryModel(
  folder: string,
  input: unknown,
  { providers = ['cpu'], signal = new AbortController().signal }: TryOptions = {},
): Promise<TriedRun> {
  const entry = await withCompiler(() => readModelFolder(path.resolve(folder)));
  const [served] = new ModelRegistry(entry === undefined ? [] : [entry]).entries();
  if (served === undefined) {
    throw new Error(`${folder} holds no model.ts, model.js or model.onnx`);
  }
  const warm = await loadModel(served, { providers, threads: 0, log: () => undefined });
  const events: { type: string; data: unknown }[] = [];
  const log: string[] = [];
  try {
    const outcome = await runModel(
      warm,
      { job: 'try', attempt: 1, input },
      {
        signal,
        emit: ({ type, json }) => void events.push({ type, data: JSON.parse(json) }),
        log: (_level, message) => void log.push(message),
      },
    );
    if (outcome.kind === 'failed') throw new Error(`${outcome.code}: ${outcome.message}`);
    if (outcome.kind === 'aborted') throw new Error('the run was aborted');
    return { output: JSON.parse(outcome.output), events, log };
  } finally {
    await warm.unload();
  }
}

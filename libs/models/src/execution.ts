import type { BatchOptions, Batching, Execution } from './definition.js';

/** The part of a specification that says how jobs are run, without its types. */
export interface ExecutionSpec {
  readonly name: string;
  readonly events?: object;
  readonly checkpoint?: unknown;
  readonly batch?: BatchOptions;
  readonly run?: Runs['run'];
  readonly runBatch?: Batches['runBatch'];
  readonly init?: Steps['init'];
  readonly step?: Steps['step'];
  readonly finish?: Steps['finish'];
  readonly release?: Steps['release'];
}

type Runs = Extract<Execution, { kind: 'run' }>;
type Batches = Extract<Execution, { kind: 'batch' }>;
type Steps = Extract<Execution, { kind: 'steps' }>;

/** How long the first job of a batch waits for others: less than a viewer sees, more than a round trip. */
const DEFAULT_MAX_WAIT_MS = 5;

/** More is a mistake of the author, and would take all jobs of a queue into one process. */
const MAX_BATCH_SIZE = 1_024;
const MAX_BATCH_WAIT_MS = 60_000;

/**
 * Which of the three ways a model runs: `run`, `runBatch`, or `init`, `step` and `finish`.
 * @throws {TypeError} when there is none, or more than one, or a part is missing
 */
export function createExecution(spec: ExecutionSpec): Execution {
  const { name, run, runBatch, init, step, finish } = spec;
  const hasSteps = init !== undefined || step !== undefined || finish !== undefined;
  const ways = [run !== undefined, runBatch !== undefined, hasSteps].filter(Boolean).length;
  if (ways === 0) fault(name, 'add run(input, ctx), which returns the output.');
  if (ways > 1) fault(name, 'choose one: run, or runBatch, or init with step and finish.');
  if (hasSteps) return createSteps(spec);
  if (runBatch !== undefined) return createBatches(spec, runBatch);
  assertFunction(name, 'run', run);
  if (spec.batch !== undefined) {
    fault(name, 'batch needs runBatch(inputs, ctx), or init, step and finish, in place of run.');
  }
  return { kind: 'run', run: (input, ctx) => run.call(spec, input, ctx) };
}

function createBatches(spec: ExecutionSpec, runBatch: Batches['runBatch']): Execution {
  const { name, events, checkpoint } = spec;
  assertFunction(name, 'runBatch', runBatch);
  if (Object.keys(events ?? {}).length > 0) {
    fault(name, 'runBatch emits no events; a model that streams has init, step and finish.');
  }
  if (checkpoint !== undefined) {
    fault(name, 'runBatch saves no checkpoints; a model that does has init, step and finish.');
  }
  return {
    kind: 'batch',
    batch: createBatching(spec),
    runBatch: (inputs, ctx) => runBatch.call(spec, inputs, ctx),
  };
}

function createSteps(spec: ExecutionSpec): Execution {
  const { name, init, step, finish, release } = spec;
  assertFunction(name, 'init', init);
  assertFunction(name, 'step', step);
  assertFunction(name, 'finish', finish);
  if (release !== undefined) assertFunction(name, 'release', release);
  return {
    kind: 'steps',
    batch: createBatching(spec),
    init: (input, ctx) => init.call(spec, input, ctx),
    step: (states, ctx) => step.call(spec, states, ctx),
    finish: (state, ctx) => finish.call(spec, state, ctx),
    release: (state, ctx) => release?.call(spec, state, ctx),
  };
}

function createBatching({ name, batch }: ExecutionSpec): Batching {
  if (batch === undefined)
    return fault(name, 'add batch: { maxSize: 8 }, the most jobs at a time.');
  const { maxSize, maxWaitMs = DEFAULT_MAX_WAIT_MS } = batch;
  if (!Number.isInteger(maxSize) || maxSize < 1 || maxSize > MAX_BATCH_SIZE) {
    fault(name, `batch.maxSize must be a whole number from 1 to ${MAX_BATCH_SIZE}, such as 8.`);
  }
  if (!(maxWaitMs >= 0 && maxWaitMs <= MAX_BATCH_WAIT_MS)) {
    fault(
      name,
      `batch.maxWaitMs must be from 0 to ${MAX_BATCH_WAIT_MS}, in milliseconds, such as 5.`,
    );
  }
  return { maxSize, maxWaitMs, groupBy: (input) => batch.groupBy?.(input) ?? '' };
}

function assertFunction<Value>(
  name: string,
  part: string,
  value: Value,
): asserts value is NonNullable<Value> {
  if (typeof value === 'function') return;
  fault(name, `add ${part}(…): init, step and finish belong together, and each is a function.`);
}

function fault(name: string, fix: string): never {
  throw new TypeError(`defineModel "${name}": ${fix}`);
}

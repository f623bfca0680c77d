import type { Execution } from './definition.js';
import { BatchRunner } from './batch-runner.js';
import { runByItself } from './run-model.js';
import type { ModelRunner, RunOrder, RunOutcome, RunPort, WarmModel } from './run.js';
import { StepRunner } from './step-runner.js';

export interface RunnerOptions {
  /** Bounds every batch, whatever the model says; 1 is no batching. Default 0: as the model says. */
  readonly maxBatchSize?: number;
  /** Hears of every batch and every step of many: its size, and how long each job of a batch has waited. */
  readonly onBatch?: (size: number, waitsMs: readonly number[]) => void;
}

/** Makes what runs the jobs of a warm model, in the way that the model says. */
export function createRunner(warm: WarmModel, options: RunnerOptions = {}): ModelRunner {
  const { execution } = warm.model;
  const { onBatch } = options;
  const maxSize = batchSizeOf(execution, options.maxBatchSize);
  switch (execution.kind) {
    case 'run':
      return { run: (order, port) => runByItself(warm, execution, { order, port }) };
    case 'batch':
      return new BatchRunner(warm, execution, {
        maxSize,
        onBatch: (waitsMs) => onBatch?.(waitsMs.length, waitsMs),
      });
    case 'steps':
      return new StepRunner(warm, execution, { maxSize, onStep: (size) => onBatch?.(size, []) });
  }
}

/** Runs one job, alone, in the way that the model says. Never rejects. */
export function runModel(warm: WarmModel, order: RunOrder, port: RunPort): Promise<RunOutcome> {
  return createRunner(warm).run(order, port);
}

/**
 * How many jobs of a model run together at most.
 * @param bound as {@link RunnerOptions.maxBatchSize}
 */
export function batchSizeOf(execution: Execution, bound = 0): number {
  if (execution.kind === 'run') return 1;
  const { maxSize } = execution.batch;
  return bound === 0 ? maxSize : Math.min(maxSize, bound);
}

/**
 * How many jobs of a model one host takes at most. Of a model that batches whole calls it takes two batches:
 * while one runs the next is put together, or the device would wait for the queue after each.
 */
export function capacityOf(execution: Execution, bound = 0): number {
  const size = batchSizeOf(execution, bound);
  return execution.kind === 'batch' && size > 1 ? 2 * size : size;
}

import { MemoryStore, type NewJob } from '@stepcast/hub';
import { createRegistry, defineModel, z } from '@stepcast/models';
import { completeOptions, jobOptionsSchema, type JobOptionsInput } from '@stepcast/protocol';
import { v7 as uuidv7 } from 'uuid';
import { JobService } from '../src/job-service.js';
import { QueueBound } from '../src/queue-bound.js';
import { QueueEstimates } from '../src/queue-estimates.js';
import { FakeQueues } from './fake-queues.js';

export const registry = createRegistry([
  defineModel({
    name: 'echo',
    description: 'Says what it was told.',
    examples: [{ text: 'hello' }],
    input: z.object({ text: z.string(), times: z.int().min(1).default(1) }),
    output: z.object({ text: z.string() }),
    run: (input) => ({ text: input.text }),
  }),
]);

export const defaultOptions = jobOptionsSchema.parse({});

/** A new job of the model `echo`, as `JobRecords.create` takes it. */
export function newJob(options: JobOptionsInput = {}): NewJob {
  return {
    id: uuidv7(),
    epoch: 'e1',
    model: 'echo',
    input: '{"text":"hello"}',
    options: completeOptions(jobOptionsSchema.parse(options), { policy: 'continue', graceMs: 0 }),
  };
}

/** A service over memory, with a clock that is set by hand. */
export function createFixture() {
  const clock = { ms: 1_000_000 };
  const store = new MemoryStore({ now: () => clock.ms });
  const queues = new FakeQueues();
  const hintsFailed: unknown[] = [];
  const service = new JobService({
    records: store.records,
    signals: store.signals,
    queues,
    registry,
    bound: new QueueBound(queues, 10),
    estimates: new QueueEstimates(queues, store.directory),
    idempotencyTtlMs: 1_000,
    onHintFailed: (error) => hintsFailed.push(error),
  });
  return { clock, store, queues, service, hintsFailed };
}

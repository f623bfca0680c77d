import { setTimeout as wait } from 'node:timers/promises';
import { defineModel, z } from '@stepcast/models';

/**
 * No network: steps at a pace that the input sets, with every fault that a hub must survive. For trying,
 * testing and measuring the hub itself.
 */
export default defineModel({
  name: 'pace',
  description: 'Counts steps at the pace you set, and fails or hangs when you ask it to.',
  examples: [
    { steps: 20, everyMs: 100 },
    { steps: 1000, everyMs: 0, bytes: 1000 },
    { steps: 10, fail: 5, failAttempts: 1 },
  ],
  input: z.object({
    steps: z.int().min(1).max(100_000).default(20),
    everyMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(100)
      .describe('Wait before each step; 0 is no wait'),
    bytes: z.int().min(0).max(300_000).default(0).describe('Length of a padding in each event'),
    fail: z.int().min(1).optional().describe('The step at which it fails instead'),
    failAttempts: z.int().min(1).optional().describe('Only so many attempts fail; default all'),
    checkpointEvery: z
      .int()
      .min(1)
      .optional()
      .describe('Saves a checkpoint after every so many steps, for the next attempt'),
    ignoreAbort: z.boolean().default(false).describe('Goes on, in silence, after a cancel'),
    blockMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(0)
      .describe('Blocks its thread so long at each step, as one long session.run does'),
  }),
  events: {
    step: {
      schema: z.object({ step: z.int(), of: z.int(), pad: z.string().optional() }),
      fold: 'all',
    },
  },
  output: z.object({ steps: z.int() }),
  checkpoint: z.object({ step: z.int() }),

  async *run(input, ctx) {
    const { steps, everyMs, checkpointEvery = Infinity, ignoreAbort, blockMs } = input;
    const pad = input.bytes > 0 ? { pad: 'x'.repeat(input.bytes) } : {};
    // A wait without a signal ends only by itself.
    const options = ignoreAbort ? {} : { signal: ctx.signal };
    let step = ctx.saved?.step ?? 0;
    const pass = async (): Promise<void> => {
      if (everyMs > 0) await wait(everyMs, undefined, options);
      block(blockMs);
      step++;
    };

    try {
      while (step < steps) {
        await pass();
        failIfAsked(input, step, ctx.attempt);
        yield ctx.event('step', { step, of: steps, ...pad });
        if (step % checkpointEvery === 0) await ctx.checkpoint({ step });
      }
    } finally {
      // After an abort the hub takes no further events and returns the generator: only a `finally` runs.
      while (ignoreAbort && ctx.signal.aborted && step < steps) await pass();
    }
    return { steps };
  },
});

function failIfAsked(
  {
    fail,
    failAttempts = Infinity,
  }: { fail?: number | undefined; failAttempts?: number | undefined },
  step: number,
  attempt: number,
): void {
  if (step !== fail || attempt > failAttempts) return;
  throw new Error(`failed at step ${step} of attempt ${attempt}, as the input asked`);
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

// Keeps a journal of all that it emits, so that a test knows it from the source, and misbehaves where its
// input says so.
import { appendFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { defineModel, z } from '@stepcast/models';

const FOREVER = 1_000_000;

/** Each may emit, and each but `block` and the emits that are caught ends the step, or more than that. */
const faults = {
  throw: () => {
    throw new Error('thrown as the input asked');
  },
  exit: () => process.exit(7),
  segfault: () => process.kill(process.pid, 'SIGSEGV'),
  memory: () => {
    const hoard = [];
    for (;;) hoard.push(new Array(100_000).fill(hoard.length));
  },
  // Its worker, as a bug in native code of the worker would.
  poison: () => process.kill(process.ppid, 'SIGKILL'),
  block: ({ blockMs }) => {
    const end = performance.now() + blockMs;
    while (performance.now() < end);
  },
  // Both go on as long as they are let.
  endless: () => undefined,
  linger: (_input, ctx) => wait(3_600_000, undefined, { signal: ctx.signal }),
  undefined: (_input, ctx) => ctx.event('raw', undefined),
  bigint: (_input, ctx) => ctx.event('raw', { steps: 10n }),
  cycle: (_input, ctx) => {
    const ring = { name: 'ring' };
    ring.itself = ring;
    return ctx.event('raw', ring);
  },
  big: (_input, ctx) => ctx.event('raw', 'x'.repeat(300 * 1024)),
};

export default defineModel({
  name: 'faulty',
  description: 'Test.',
  input: z.object({
    journal: z.string(),
    steps: z.int().default(20),
    everyMs: z.int().default(20),
    fault: z.enum(Object.keys(faults)).optional(),
    at: z.int().default(3),
    failAttempts: z.int().default(FOREVER),
    blockMs: z.int().default(0),
    isCaught: z.boolean().default(false),
  }),
  events: {
    step: { schema: z.object({ step: z.int(), of: z.int(), value: z.number() }), fold: 'all' },
    text: { schema: z.object({ text: z.string() }), fold: 'append' },
    raw: { schema: z.any(), fold: 'latest' },
  },
  output: z.object({ steps: z.int(), caught: z.string().optional() }),

  async *run(input, ctx) {
    const { steps, everyMs, at, isCaught } = input;
    const fault = ctx.attempt <= input.failAttempts ? input.fault : undefined;
    const last = fault === 'endless' ? Infinity : steps;
    const note = (line) => {
      const all = { attempt: ctx.attempt, pid: process.pid, ...line };
      appendFileSync(input.journal, `${JSON.stringify(all)}\n`);
    };
    let caught;
    note({ what: 'began' });
    try {
      for (let step = 1; step <= last; step++) {
        if (everyMs > 0) await wait(everyMs, undefined, { signal: ctx.signal });
        if (fault !== undefined && step === at) {
          note({ what: 'fault' });
          try {
            await faults[fault](input, ctx);
          } catch (error) {
            if (!isCaught) throw error;
            caught = error.message;
          }
        }
        // Another one in each attempt: events of two attempts are never alike.
        const value = Math.random();
        note({ what: 'step', step, value });
        yield ctx.event('step', { step, of: steps, value });
        yield ctx.event('text', { text: `${value} ` });
      }
    } finally {
      note({ what: 'ended' });
    }
    return { steps, ...(caught === undefined ? {} : { caught }) };
  },
});

// Saves checkpoints of every kind of value, keeps a journal of what each attempt does, and comes to grief
// where its input says so: so that a test knows from the source what was done twice.
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { createRandom, defineModel, restoreRandom, z } from '@stepcast/models';

const griefs = {
  throw: () => {
    throw new Error('thrown as the input asked');
  },
  exit: () => process.exit(7),
  hold: (signal) => wait(3_600_000, undefined, { signal }),
};

export default defineModel({
  name: 'stepper',
  description: 'Counts steps that depend on all steps before.',
  input: z.object({
    steps: z.int().default(20),
    seed: z.int().default(1),
    everyMs: z.int().default(0),
    checkpointEvery: z.int().default(10),
    /** Of attempt 1, 2 …; those behind the list go through. */
    griefs: z.array(z.object({ at: z.int(), how: z.enum(['throw', 'exit', 'hold']) })).default([]),
    journal: z.string(),
  }),
  events: {
    step: { schema: z.object({ step: z.int(), of: z.int(), digest: z.string() }), fold: 'all' },
    word: { schema: z.string(), fold: 'append' },
    last: { schema: z.object({ step: z.int() }), fold: 'latest' },
  },
  output: z.object({ digest: z.string(), sum: z.number(), product: z.string() }),
  checkpoint: z.object({
    step: z.int(),
    random: z.array(z.int()),
    digest: z.string(),
    sum: z.instanceof(Float64Array),
    product: z.bigint(),
    parities: z.map(z.boolean(), z.int()),
  }),

  async *run(input, ctx) {
    const { steps, everyMs, checkpointEvery } = input;
    const note = (what) => appendFileSync(input.journal, `${ctx.attempt} ${what}\n`);
    const state = ctx.saved ?? begin(input.seed);
    const random = restoreRandom(state.random);
    const grief = input.griefs[ctx.attempt - 1];
    note(`begins behind ${state.step}`);
    try {
      while (state.step < steps) {
        if (everyMs > 0) await wait(everyMs, undefined, { signal: ctx.signal });
        advance(state, random.gaussian());
        const { step, digest } = state;
        note(`step ${step}`);
        yield ctx.event('step', { step, of: steps, digest });
        yield ctx.event('word', `${step} `);
        yield ctx.event('last', { step });
        if (step % checkpointEvery === 0) await ctx.checkpoint({ ...state, random: random.save() });
        if (step === grief?.at) await griefs[grief.how](ctx.signal);
      }
    } finally {
      note('ends');
    }
    const { digest, sum, product } = state;
    return { digest, sum: sum[0], product: `${product} ${[...state.parities]}` };
  },
});

function begin(seed) {
  const random = createRandom(seed).save();
  return { step: 0, random, digest: '', sum: Float64Array.of(0), product: 1n, parities: new Map() };
}

function advance(state, number) {
  state.step += 1;
  state.digest = createHash('sha1').update(`${state.digest} ${number}`).digest('hex');
  state.sum[0] += number;
  state.product *= BigInt(state.step);
  const isEven = state.step % 2 === 0;
  state.parities.set(isEven, (state.parities.get(isEven) ?? 0) + 1);
}

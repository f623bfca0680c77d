import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Models in plain JavaScript that misbehave in all the ways that a host must survive. */
const BODIES: Record<string, string> = {
  count: `async *run(input, ctx) {
    for (let step = 1; step <= input.steps; step++) {
      await new Promise((resolve) => setTimeout(resolve, input.ms));
      yield ctx.event('step', { step, of: input.steps });
    }
    return { pid: process.pid };
  }`,
  crash: `*run(input, ctx) {
    yield ctx.event('step', { step: 1, of: 2 });
    process.exit(3);
  }`,
  stubborn: `*run(input, ctx) {
    yield ctx.event('step', { step: 1, of: 2 });
    for (;;) {}
  }`,
  flood: `*run(input, ctx) {
    for (let step = 1; step <= input.steps; step++) yield ctx.event('step', { step, of: input.steps });
    return { pid: process.pid };
  }`,
  saves: `checkpoint: z.object({ step: z.int() }),
  async *run(input, ctx) {
    for (let step = (ctx.saved?.step ?? 0) + 1; step <= input.steps; step++) {
      yield ctx.event('step', { step, of: input.steps });
      await ctx.checkpoint({ step });
    }
    return { pid: process.pid };
  }`,
  hoards: `checkpoint: z.string(),
  async run(input, ctx) {
    for (;;) await ctx.checkpoint('x'.repeat(3_200_000));
  }`,
  together: `batch: { maxSize: 3 },
  init: (input) => ({ ...input, step: 0 }),
  async step(states, ctx) {
    // A negative time is a step that never ends.
    if (states.some(({ ms, step }) => ms < 0 && step > 0)) {
      console.log('hangs');
      for (;;) {}
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(...states.map(({ ms }) => ms))));
    return states.map((state) => {
      state.step += 1;
      const event = ctx.event('step', { step: state.step, of: state.steps });
      return { events: [event], done: state.step === state.steps };
    });
  },
  finish: () => ({ pid: process.pid })`,
  throws: `run(input, ctx) {
    ctx.log('warn', { attempt: ctx.attempt });
    console.log('printed');
    throw new Error('boom at ' + import.meta.filename);
  }`,
  unloadable: `load() { throw new Error('no weights'); }, run: () => ({ pid: 0 })`,
};

/** A temporary models directory with the models named. */
export async function createModelFolder(names = Object.keys(BODIES)) {
  const directory = await mkdtemp(path.join(tmpdir(), 'stepcast-models-'));
  for (const name of names) {
    await mkdir(path.join(directory, name));
    await writeFile(path.join(directory, name, 'model.js'), source(name));
  }
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

function source(name: string): string {
  return `import { defineModel, z } from '@stepcast/models';
    export default defineModel({
      name: ${JSON.stringify(name)},
      description: 'Test.',
      input: z.object({ steps: z.int().default(3), ms: z.int().default(1) }),
      events: { step: { schema: z.object({ step: z.int(), of: z.int() }), fold: 'latest' } },
      output: z.object({ pid: z.int() }),
      ${BODIES[name] ?? ''}
    });`;
}

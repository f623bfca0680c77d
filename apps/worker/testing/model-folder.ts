import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** The lib as a forked process finds it; a temporary folder has no node_modules. */
const MODELS_LIB = pathToFileURL(path.resolve('libs/models/dist/index.js')).href;

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
  return `import { defineModel, z } from ${JSON.stringify(MODELS_LIB)};
    export default defineModel({
      name: ${JSON.stringify(name)},
      description: 'Test.',
      input: z.object({ steps: z.int().default(3), ms: z.int().default(1) }),
      events: { step: { schema: z.object({ step: z.int(), of: z.int() }), fold: 'latest' } },
      output: z.object({ pid: z.int() }),
      ${BODIES[name] ?? ''}
    });`;
}

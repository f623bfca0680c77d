import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tryModel } from './try-model.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'stepcast-try-'));
  await writeFile(
    path.join(folder, 'model.ts'),
    `import { defineModel, z } from '@stepcast/models';
    export default defineModel({
      name: 'half',
      description: 'Halves.',
      input: z.object({ value: z.number().default(8), to: z.number().min(1).default(1) }),
      events: { value: { schema: z.object({ value: z.number() }) } },
      output: z.object({ steps: z.int() }),
      async *run({ value, to }, ctx) {
        let steps = 0;
        for (let rest: number = value; rest > to; rest /= 2, steps++) {
          if (ctx.signal.aborted) throw new Error('should not be here');
          yield ctx.event('value', { value: rest });
        }
        ctx.log('info', 'done');
        return { steps: value < 0 ? 0.5 : steps };
      },
    });`,
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('tryModel', () => {
  it('runs the model of a folder, and gives its events, log and output', async () => {
    expect(await tryModel(folder, { value: 4 })).toEqual({
      events: [
        { type: 'value', data: { value: 4 } },
        { type: 'value', data: { value: 2 } },
      ],
      log: ['done'],
      output: { steps: 2 },
    });
  });

  it('reads the model anew each time, as its author edits it', async () => {
    const other = await mkdtemp(path.join(tmpdir(), 'stepcast-try-'));
    const write = (words: string) =>
      writeFile(
        path.join(other, 'model.js'),
        `import { defineModel, z } from '@stepcast/models';
        export default defineModel({ name: 'say', description: '-', input: z.object({}), output: z.string(),
          run: () => '${words}' });`,
      );

    await write('one');
    const first = await tryModel(other, {});
    await write('two');

    expect([first.output, (await tryModel(other, {})).output]).toEqual(['one', 'two']);
    await rm(other, { recursive: true });
  });

  it.each([
    ['an input off the schema', { to: 0 }, /^invalid_input: .*to/],
    ['an output off the schema', { value: -1 }, /^invalid_output: /],
  ])('rejects with code and message for %s', async (_what, input, message) => {
    await expect(tryModel(folder, input)).rejects.toThrow(message);
  });

  it('ends when its signal aborts', async () => {
    const run = tryModel(folder, { value: 1e300, to: 1 }, { signal: AbortSignal.abort() });

    await expect(run).rejects.toThrow('the run was aborted');
  });

  it('says which folder holds no model', async () => {
    await expect(tryModel(tmpdir(), {})).rejects.toThrow(
      `${tmpdir()} holds no model.ts, model.js or model.onnx`,
    );
  });
});

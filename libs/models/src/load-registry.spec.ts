import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { addOneOnnx, tinyOnnx, type TinyValue } from '../testing/tiny-onnx.js';
import { loadModel, loadRegistry, runModel, type ModelRegistry } from './index.js';

let root = '';

const write = async (file: string, content: string | Uint8Array) => {
  const place = path.join(root, file);
  await mkdir(path.dirname(place), { recursive: true });
  await writeFile(place, content);
};
const source = (name: string, version = '1') =>
  `import { defineModel, z } from '@stepcast/models';
   export default defineModel({ name: '${name}', version: '${version}', description: 'x', input: z.object({}), output: z.object({}), run: () => ({}) });`;
const reasons = (registry: ModelRegistry) =>
  Object.fromEntries(registry.broken.map(({ folder, reason }) => [folder, reason]));

/** The output of one job, as JSON. */
async function run(registry: ModelRegistry, name: string, input: unknown): Promise<unknown> {
  const entry = registry.entries().find(({ model }) => model.name === name);
  if (entry === undefined)
    throw new Error(`${name} is not served: ${JSON.stringify(registry.broken)}`);
  const loaded = await loadModel(entry, { providers: ['cpu'], threads: 1, log: () => undefined });
  try {
    const outcome = await runModel(
      loaded,
      { job: 'job', attempt: 1, input },
      { signal: new AbortController().signal, emit: () => undefined, log: () => undefined },
    );
    return outcome.kind === 'done' ? JSON.parse(outcome.output) : outcome;
  } finally {
    await loaded.unload();
  }
}

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'stepcast-models-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('a folder with code', () => {
  it('needs one import and no package beside it', async () => {
    await write(
      'greet/model.ts',
      `import { defineModel, z } from '@stepcast/models';
       import type { Greeting } from './greeting.js';
       import { hello } from './greeting.js';
       import words from './words.json' with { type: 'json' };
       import { basename } from 'node:path';

       export default defineModel({
         name: 'greet',
         description: 'Greets.',
         input: z.object({ name: z.string() }),
         output: z.object({ text: z.string(), file: z.string() }),
         load: (env): Promise<string> => env.readText('mark.txt'),
         run: ({ name }, { loaded }) => {
           const greeting: Greeting = hello(words.hello, name);
           return { text: greeting.text + loaded, file: basename(import.meta.url) };
         },
       });`,
    );
    await write(
      'greet/greeting.ts',
      `export interface Greeting { text: string }
       export function hello(word: string, name: string): Greeting { return { text: word + ' ' + name }; }`,
    );
    await write('greet/words.json', '{"hello":"Hello"}');
    await write('greet/mark.txt', '!');

    const registry = await loadRegistry(root);

    expect(registry.broken).toEqual([]);
    expect(await run(registry, 'greet', { name: 'you' })).toEqual({
      text: 'Hello you!',
      file: 'model.ts',
    });
    expect(
      registry
        .entries()[0]
        ?.sources?.map((file) => path.basename(file))
        .sort(),
    ).toEqual(['greeting.ts', 'model.ts', 'words.json']);
  });

  it('finds packages from the folder of the model, and the shared ones here', async () => {
    const pkg = 'pkg/node_modules/somewhere';
    await write(
      `${pkg}/package.json`,
      '{"name":"somewhere","exports":{"module":"./module.mjs","import":"./index.mjs","require":"./index.cjs"}}',
    );
    await write(`${pkg}/module.mjs`, 'export const where = "bundlers";');
    await write(`${pkg}/index.mjs`, 'export const where = "import";');
    await write(`${pkg}/index.cjs`, 'exports.where = "require";');
    await write('pkg/node_modules/zod/package.json', '{"name":"zod","main":"./index.js"}');
    await write('pkg/node_modules/zod/index.js', 'throw new Error("a second zod");');
    await write(
      'pkg/model.js',
      `import { where } from 'somewhere'; import { z } from 'zod'; import { defineModel } from '@stepcast/models';
       export default defineModel({ name: 'pkg', description: where, input: z.object({}), output: z.object({}), run: () => ({}) });`,
    );

    const registry = await loadRegistry(root);

    expect(registry.broken).toEqual([]);
    expect(registry.get('pkg').description).toBe('import');
  });

  it('shares what lies in a shared package, and the tensors of the runtime', async () => {
    await write(
      'shared/model.js',
      `import { defineModel, Tensor } from '@stepcast/models'; import { z } from 'zod/v4';
       import { Tensor as Same } from 'onnxruntime-common';
       export default defineModel({ name: 'shared', description: String(Tensor === Same), input: z.object({}), output: z.object({}), run: () => ({}) });`,
    );

    const registry = await loadRegistry(root);

    expect(registry.broken).toEqual([]);
    expect(registry.get('shared').description).toBe('true');
  });

  it('is reported when it does not load in time, and the others serve', async () => {
    await write('good/model.ts', source('good'));
    await write('waits/model.js', 'await new Promise(() => {});');

    const registry = await loadRegistry(root, { folderMs: 3000 });

    expect(registry.list().map(({ name }) => name)).toEqual(['good']);
    expect(reasons(registry)).toEqual({ waits: expect.stringContaining('within 3 s') });
  });

  it('is the same model when what lies beside it changes, and another when an asset does', async () => {
    const revision = async () => (await loadRegistry(root)).entries()[0]?.revision;
    await write('one/model.ts', source('one'));
    const before = await revision();
    await write('one/README.md', 'a card');
    await write('one/parts/model.spec.ts', 'x x');
    const beside = await revision();
    await write('one/parts/words.txt', 'a');

    expect(beside).toBe(before);
    expect(await revision()).not.toBe(before);
  });

  it('may hold a link that leads nowhere', async () => {
    await write('one/model.ts', source('one'));
    await symlink(path.join(root, 'gone'), path.join(root, 'one/lock'));

    expect(reasons(await loadRegistry(root))).toEqual({});
  });

  it('is read anew when a file of it has changed, and has another revision', async () => {
    await write('one/model.ts', source('one'));
    const before = await loadRegistry(root);
    const same = await loadRegistry(root);
    await write('one/model.ts', source('two'));
    const after = await loadRegistry(root);

    expect(same.entries()[0]?.revision).toBe(before.entries()[0]?.revision);
    expect(after.list().map(({ name }) => name)).toEqual(['two']);
    expect(after.entries()[0]?.revision).not.toBe(before.entries()[0]?.revision);
  });

  it('is reported with place and reason when it is broken, and the others serve', async () => {
    await write('good/model.ts', source('good'));
    await write('built/model.js', source('built'));
    await write('empty/README.md', '');
    await write('.hidden/model.ts', 'x x');
    await write('syntax/model.ts', 'const a = 1;\nconst = 2;');
    await write('import/model.ts', `import './gone.js';`);
    await write('package/model.ts', `import 'not-installed-anywhere';`);
    await write('throws/model.js', 'throw new Error("no weights");');
    await write('none/model.ts', 'export default {};');
    await write(
      'date/model.ts',
      source('date').replace('output: z.object({})', 'output: z.object({ at: z.date() })'),
    );
    await write('name/model.ts', source('Name'));

    const registry = await loadRegistry(root);

    expect(registry.list().map((model) => model.name)).toEqual(['built', 'good']);
    expect(reasons(registry)).toEqual({
      syntax: expect.stringMatching(/^model\.ts:2:7: Expected identifier/),
      import: expect.stringMatching(/^model\.ts:1:8: Could not resolve "\.\/gone\.js"/),
      package: expect.stringMatching(/^model\.ts:1:8: .*"not-installed-anywhere" is not installed/),
      throws: 'no weights',
      none: expect.stringContaining('export default defineModel'),
      date: expect.stringContaining('output.at has no JSON Schema'),
      name: expect.stringContaining('lower-case'),
    });
  });

  it('lies beside other versions of its name, and beside no second one of the same', async () => {
    await write('a/model.ts', source('same', '2'));
    await write('b/model.ts', source('same', '10'));
    await write('c/model.ts', source('same', '2'));

    const registry = await loadRegistry(root);

    expect(registry.list().map((model) => model.name)).toEqual(['same', 'same@10']);
    expect(reasons(registry)).toEqual({ c: expect.stringMatching(/a and c .*"same".* in c/) });
  });

  it('may be a link', async () => {
    await write('elsewhere/node_modules/real/model.ts', source('real'));
    await symlink(path.join(root, 'elsewhere/node_modules/real'), path.join(root, 'link'));

    expect((await loadRegistry(root)).list().map(({ name }) => name)).toEqual(['real']);
  });

  it('must lie in a directory that exists, or the variable to set is named', async () => {
    await expect(loadRegistry(path.join(root, 'missing'))).rejects.toThrow(/MODELS_DIR/);
  });
});

describe('a folder with a graph', () => {
  it('is served from the inputs and outputs of the graph', async () => {
    await write('add-one/model.onnx', addOneOnnx());

    const registry = await loadRegistry(root);

    expect(registry.broken).toEqual([]);
    expect(registry.manifest('add-one')).toMatchObject({
      description: 'Adds one.',
      streams: false,
      batch: { maxSize: 32 },
      input: {
        // A weight that the graph lists as an input is none.
        required: ['x'],
        properties: { x: { 'x-tensor': { dtype: 'float32', shape: ['batch', 3] } } },
      },
      output: { required: ['y'] },
    });
  });

  it('runs jobs together whose rows have one shape', async () => {
    const values = [{ name: 'x', type: 'float32', shape: ['n', null] }] as const;
    await write('wide/model.onnx', identity(values));
    const { execution, input } = (await loadRegistry(root)).get('wide');
    if (execution.kind !== 'batch') throw new Error(execution.kind);
    const of = (...shape: number[]) => {
      const data = Array<number>(shape[0]! * shape[1]!).fill(1);
      return execution.batch.groupBy(input.parse({ x: { dtype: 'float32', shape, data } }));
    };

    expect(of(1, 3)).toBe(of(2, 3));
    expect(of(1, 3)).not.toBe(of(1, 4));
  });

  it('runs jobs alone when rows are compared with each other', async () => {
    await write(
      'all/model.onnx',
      identity([
        { name: 'x', type: 'float32', shape: ['n', 3] },
        { name: 'distances', type: 'float32', shape: ['n', 'n'] },
      ]),
    );

    expect((await loadRegistry(root)).get('all').execution.kind).toBe('run');
  });

  it('takes what model.json says', async () => {
    await write('graph/model.onnx', addOneOnnx());
    const examples = [{ x: { dtype: 'float32', shape: [1, 3], data: [1, 2, 3] } }];
    const settings = { name: 'adder', version: '2', description: 'Adds.', examples, batch: false };
    await write('graph/model.json', JSON.stringify(settings));

    const registry = await loadRegistry(root);

    expect(registry.manifest('adder')).toMatchObject({
      version: '2',
      description: 'Adds.',
      examples,
    });
    expect(registry.get('adder').execution.kind).toBe('run');
  });

  it('gives way to code', async () => {
    await write('both/model.onnx', addOneOnnx());
    await write('both/model.ts', source('coded'));

    expect((await loadRegistry(root)).list().map(({ name }) => name)).toEqual(['coded']);
  });

  it('may hold strings, scalars and dimensions without a name', async () => {
    const x: TinyValue = { name: 'x', type: 'string', shape: [null] };
    const n: TinyValue = { name: 'n', type: 'int64', shape: [] };
    await write('same/model.onnx', identity([x, n]));
    const registry = await loadRegistry(root);

    expect(registry.broken).toEqual([]);
    expect(registry.get('same').execution.kind).toBe('run');
    expect(registry.manifest('same').input['properties']).toMatchObject({
      x: { 'x-tensor': { dtype: 'string', shape: [null] } },
      n: { 'x-tensor': { dtype: 'int64', shape: [] } },
    });
  });

  it('is reported when it, or what is said of it, cannot be used', async () => {
    await write('text/model.onnx', 'not a graph at all');
    await write(
      'pointer/model.onnx',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
    );
    await write('empty/model.onnx', '');
    await write('brain/model.onnx', identity([{ name: 'x', type: 'bfloat16', shape: [1] }]));
    await write(
      'sequence/model.onnx',
      identity([{ name: 'x', type: 'float32', isSequence: true }]),
    );
    await write('json/model.onnx', addOneOnnx());
    await write('json/model.json', '{');
    await write('field/model.onnx', addOneOnnx());
    await write('field/model.json', '{"batch":{"maxsize":3}}');
    await write('example/model.onnx', addOneOnnx());
    await write(
      'example/model.json',
      '{"examples":[{"x":{"dtype":"float32","shape":[1,4],"data":[1,2,3,4]}}]}',
    );
    await write('Name/model.onnx', addOneOnnx());

    const registry = await loadRegistry(root);

    expect(registry.list()).toEqual([]);
    expect(reasons(registry)).toEqual({
      text: expect.stringContaining('model.onnx: is not an ONNX file'),
      pointer: expect.stringContaining('model.onnx: is not an ONNX file'),
      empty: expect.stringContaining('model.onnx: is not an ONNX file'),
      brain: expect.stringMatching(/input "x" holds bfloat16.*cast/),
      sequence: expect.stringMatching(/input "x" is a sequence.*model\.ts/),
      json: expect.stringContaining('model.json is not JSON'),
      field: expect.stringMatching(/model\.json: batch/),
      example: expect.stringMatching(/"example": examples\[0\].*x\.shape: must be \[batch, 3\]/),
      Name: expect.stringContaining('model.json'),
    });
  });
});

/** Each input comes out as it went in. */
function identity(values: readonly TinyValue[]): Uint8Array {
  return tinyOnnx({
    inputs: values,
    outputs: values.map((value) => ({ ...value, name: `${value.name}-out` })),
    nodes: values.map(({ name }) => ({ op: 'Identity', inputs: [name], outputs: [`${name}-out`] })),
  });
}

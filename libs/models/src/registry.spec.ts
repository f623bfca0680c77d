import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { StepcastError } from '@stepcast/protocol';
import { createRegistry, defineModel, loadRegistry, z } from './index.js';

const sketch = defineModel({
  name: 'sketch',
  description: 'Draws.',
  examples: [{ steps: 2 }],
  input: z.object({
    steps: z.int().min(1).default(20),
    nested: z.object({ a: z.string() }).optional(),
  }),
  events: {
    step: { schema: z.object({ step: z.int() }), fold: 'latest' },
    token: { schema: z.string() },
  },
  output: z.object({ image: z.string() }),
  run: () => ({ image: '' }),
});

function caught(call: () => unknown): StepcastError {
  try {
    call();
  } catch (error) {
    return error as StepcastError;
  }
  throw new Error('did not throw');
}

describe('ModelRegistry', () => {
  const registry = createRegistry([sketch]);

  it('describes a model as JSON', () => {
    expect(registry.manifest('sketch')).toMatchObject({
      name: 'sketch',
      version: '1',
      examples: [{ steps: 2 }],
      streams: true,
      folds: { step: 'latest', token: 'all' },
      events: { step: { type: 'object' }, token: { type: 'string' } },
    });
    // A field with a default is optional for the client.
    expect(registry.manifest(sketch).input['required']).toBeUndefined();
    expect(registry.manifest(sketch).output['required']).toEqual(['image']);
  });

  it('lists the known models when one is not found', () => {
    const error = caught(() => registry.get('nope'));

    expect(error.code).toBe('model_not_found');
    expect(error.message).toContain('known: sketch');
  });

  it('fills in defaults and reports every fault with its path', () => {
    expect(registry.parseInput('sketch', {})).toEqual({ steps: 20 });

    const error = caught(() => registry.parseInput('sketch', { steps: 0, nested: { a: 1 } }));
    expect(error.code).toBe('invalid_input');
    expect(error.faults.map((fault) => fault.path)).toEqual(['steps', 'nested.a']);
  });

  it('folds unknown types and models losslessly', () => {
    expect(registry.foldOf('sketch')('step')).toBe('latest');
    expect(registry.foldOf('sketch')('constructor')).toBe('all');
    expect(registry.foldOf('gone')('step')).toBe('all');
  });
});

describe('loadRegistry', () => {
  let root = '';

  const write = async (file: string, text: string) => {
    const place = path.join(root, file);
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, text);
  };
  const source = (name: string) =>
    `import { defineModel, z } from '@stepcast/models';
     export default defineModel({ name: '${name}', description: 'x', input: z.object({}), output: z.object({}), run: () => ({}) });`;

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'stepcast-models-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('finds compiled models beside their assets and in dist, and reports the broken ones', async () => {
    await write('beside/model.js', source('beside'));
    await write('built/unet.onnx', '');
    await write('dist/built/model.js', source('built'));
    await write('dist/orphan/model.js', source('orphan'));
    await write('uncompiled/model.ts', '');
    await write('empty/README.md', '');
    await write('wrong/model.js', 'export default {};');
    await write('throws/model.js', 'throw new Error("no weights");');

    const registry = await loadRegistry(root);

    expect(registry.list().map((model) => model.name)).toEqual(['beside', 'built']);
    expect(registry.entries()[1]?.directory).toBe(path.join(root, 'built'));
    expect(registry.broken).toEqual([
      { folder: 'throws', reason: 'no weights' },
      { folder: 'uncompiled', reason: expect.stringContaining('npm run build') },
      { folder: 'wrong', reason: expect.stringContaining('export default defineModel') },
    ]);
  });

  it('refuses two models of one name and names both folders', async () => {
    await write('one/model.js', source('same'));
    await write('two/model.js', source('same'));

    await expect(loadRegistry(root)).rejects.toThrow(/one.*two/);
  });

  it('says which variable to set when the directory is missing', async () => {
    await expect(loadRegistry(path.join(root, 'missing'))).rejects.toThrow(/MODELS_DIR/);
  });
});

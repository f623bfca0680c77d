import { describe, expect, it } from '@jest/globals';
import type { StepcastError } from '@stepcast/protocol';
import {
  createRegistry,
  defineModel,
  ModelRegistry,
  tensor,
  z,
  type RegistryChange,
} from './index.js';

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

  const made = (name: string, version: string, revision = '') => ({
    model: defineModel({
      name,
      version,
      description: version,
      input: z.object({}),
      output: z.object({}),
      run: () => ({}),
    }),
    directory: `/models/${name}-${version}`,
    revision,
  });

  it('serves the lowest version by the name, and others with their version', () => {
    const versions = new ModelRegistry([made('a', '10'), made('a', '9'), made('a', '1.10')]);

    expect(versions.list().map(({ name, version }) => [name, version])).toEqual([
      ['a', '1.10'],
      ['a@9', '9'],
      ['a@10', '10'],
    ]);
    expect(versions.manifest('a@9')).toMatchObject({ name: 'a@9', version: '9' });
    expect(versions.manifest(versions.get('a@10')).name).toBe('a@10');
  });

  it('serves one of two folders with the same name and version, and names both', () => {
    const twice = new ModelRegistry([
      made('a', '1'),
      { ...made('a', '1'), directory: '/models/copy' },
    ]);

    expect(twice.list()).toHaveLength(1);
    expect(twice.broken).toEqual([
      { folder: 'copy', reason: expect.stringMatching(/a-1 and copy.*change.*in copy/) },
    ]);
  });

  it('changes as a whole, and tells who listens what has changed', () => {
    const live = new ModelRegistry([made('a', '1', 'x'), made('b', '1', 'x'), made('c', '1', 'x')]);
    const before = live.get('b');
    const heard: RegistryChange[] = [];
    const stop = live.onChange((change) => heard.push(change));

    live.replace(
      new ModelRegistry([made('a', '1', 'x'), made('b', '1', 'y'), made('d', '1', 'x')]),
    );
    live.replace(new ModelRegistry(live.entries(), [{ folder: 'e', reason: 'broken' }]));
    stop();
    live.replace(new ModelRegistry([]));

    expect(heard).toEqual([{ added: ['d'], changed: ['b'], removed: ['c'] }]);
    expect(live.list()).toEqual([]);
    expect(before.name).toBe('b');
  });

  it('tells all who listen, also when one of them throws, and then throws that', () => {
    const live = new ModelRegistry([]);
    const heard: RegistryChange[] = [];
    live.onChange(() => {
      throw new Error('cannot serve it');
    });
    live.onChange((change) => heard.push(change));

    expect(() => live.replace(new ModelRegistry([made('a', '1')]))).toThrow('cannot serve it');

    expect(heard).toEqual([{ added: ['a'], changed: [], removed: [] }]);
    expect(live.has('a')).toBe(true);
  });

  it('gives the dimensions of one name one size, across all tensors of an input', () => {
    const pair = defineModel({
      name: 'pair',
      description: 'x',
      input: z.object({ a: tensor('int8', ['n']), b: tensor('int8', ['n']) }),
      output: z.object({}),
      run: () => ({}),
    });
    const of = (...data: number[]) => ({ dtype: 'int8', shape: [data.length], data });
    const pairs = createRegistry([pair]);

    pairs.parseInput('pair', { a: of(1), b: of(2) });
    const error = caught(() => pairs.parseInput('pair', { a: of(1), b: of(2, 3) }));

    expect(error.message).toContain('dimension "n" is 2 here and 1 in a');
  });

  it('says which field has no JSON Schema, and what to write', () => {
    const wrong = defineModel({
      name: 'wrong',
      description: 'x',
      input: z.object({}),
      output: z.object({ made: z.object({ at: z.date() }) }),
      run: () => ({ made: { at: new Date() } }),
    });

    expect(() => createRegistry([wrong])).toThrow(/"wrong": output\.made\.at .*iso\.datetime/);
  });
});

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadRegistry, watchModels, type ModelRegistry, type ModelsWatch } from './index.js';

let root = '';
let registry: ModelRegistry;
let watch: ModelsWatch;
let reloads = 0;
let reloaded: (() => void) | undefined;

const write = async (file: string, text: string) => {
  const place = path.join(root, file);
  await mkdir(path.dirname(place), { recursive: true });
  await writeFile(place, text);
};
const source = (description: string) =>
  `import { defineModel, z } from '@stepcast/models';
   export default defineModel({ name: 'one', description: '${description}', input: z.object({}), output: z.object({}), run: () => ({}) });`;

/** Waits for a reload after which `isTrue`; jest's timeout is the deadline. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((resolve) => (reloaded = resolve));
}

function start(): void {
  reloads = 0;
  watch = watchModels({
    directory: path.join(root, 'models'),
    registry,
    onReloaded: () => {
      reloads += 1;
      reloaded?.();
    },
    onError: (error) => {
      throw error;
    },
  });
}

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'stepcast-models-'));
  await write('models/one/model.ts', source('first'));
  registry = await loadRegistry(path.join(root, 'models'));
  start();
  await until(() => reloads > 0);
});
afterEach(async () => {
  await watch.close();
  await rm(root, { recursive: true, force: true });
});

describe('watchModels', () => {
  it('serves what was saved, also by way of another file', async () => {
    await write('models/one/model.ts', source('second'));
    await until(() => registry.get('one').description === 'second');

    await write('models/one/draft', source('third'));
    await rename(path.join(root, 'models/one/draft'), path.join(root, 'models/one/model.ts'));
    await until(() => registry.get('one').description === 'third');

    expect(registry.get('one').description).toBe('third');
  });

  it('serves what was saved before it began to watch', async () => {
    await watch.close();
    await write('models/one/model.ts', source('meanwhile'));

    start();
    await until(() => registry.get('one').description === 'meanwhile');

    expect(registry.get('one').description).toBe('meanwhile');
  });

  it('takes a model out while it is broken, and serves it again when it is mended', async () => {
    await write('models/one/model.ts', 'export default');
    await until(() => registry.broken.length === 1);
    const whileBroken = registry.has('one');
    await write('models/one/model.ts', source('mended'));
    await until(() => registry.broken.length === 0);

    expect(whileBroken).toBe(false);
    expect(registry.get('one').description).toBe('mended');
  });

  it('sees folders come and go', async () => {
    await write('models/two/model.ts', source('two').replace("'one'", "'two'"));
    await until(() => registry.has('two'));
    await rm(path.join(root, 'models/one'), { recursive: true });
    await until(() => !registry.has('one'));

    expect(registry.list().map(({ name }) => name)).toEqual(['two']);
  });

  it('loads also while changes do not cease', async () => {
    const before = reloads;

    for (let index = 0; reloads === before; index++) {
      await write(`models/one/log-${index}.txt`, 'x');
      await wait(50);
    }

    expect(reloads).toBeGreaterThan(before);
  });

  it('closes without a wait for a model that is loading', async () => {
    const gate = globalThis as { specLoads?: () => void; specGoes?: () => void };
    const loads = new Promise<void>((resolve) => (gate.specLoads = resolve));
    await write(
      'models/slow/model.js',
      'await new Promise((go) => { globalThis.specGoes = go; globalThis.specLoads(); });',
    );
    await loads;
    const { broken } = registry;

    await watch.close();

    gate.specGoes?.();
    expect(registry.broken).toBe(broken);
  });

  it('follows code that a model imports from elsewhere', async () => {
    await write('words/word.ts', `export const word = 'before';`);
    const text = source('x').replace("'x'", 'word');
    await write('models/one/model.ts', `import { word } from '../../words/word.js';\n${text}`);
    await until(() => registry.get('one').description === 'before');
    await write('words/word.ts', `export const word = 'after';`);
    await until(() => registry.get('one').description === 'after');

    expect(registry.get('one').description).toBe('after');
  });

  it('tells who listens only of what has changed', async () => {
    const heard: unknown[] = [];
    reloads = 0;
    registry.onChange((change) => heard.push(change));

    await write('models/one/.cache/x', 'x');
    await write('models/node_modules/x', 'x');
    await write('models/notes.txt', 'x');
    await until(() => reloads > 0);
    await write('models/one/asset.json', '{}');
    await until(() => heard.length > 0);

    expect(heard).toEqual([{ added: [], changed: ['one'], removed: [] }]);
  });
});

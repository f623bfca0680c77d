import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { fingerprintInputs, listOutputs } from './build-inputs.mjs';

let root: string;
const write = async (file: string) => {
  await mkdir(path.join(root, path.dirname(file)), { recursive: true });
  await writeFile(path.join(root, file), file);
};

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'stepcast-build-'));
  await write('libs/hub/src/index.ts');
  await write('apps/api/src/main.ts');
});

afterEach(() => rm(root, { recursive: true, force: true }));

describe('fingerprintInputs', () => {
  it.each([
    ['a source is added', () => write('libs/hub/src/hub-id.ts')],
    [
      'a source is renamed',
      () =>
        rename(path.join(root, 'libs/hub/src/index.ts'), path.join(root, 'libs/hub/src/hub.ts')),
    ],
    ['a source is removed', () => rm(path.join(root, 'apps/api/src/main.ts'))],
    ['a source is touched', () => utimes(path.join(root, 'apps/api/src/main.ts'), 1, 1)],
    ['the lockfile appears', () => write('package-lock.json')],
    ['a project is configured', () => write('libs/hub/tsconfig.build.json')],
  ])('changes when %s', async (_name, change) => {
    const before = await fingerprintInputs(root);
    await change();

    expect(await fingerprintInputs(root)).not.toBe(before);
  });

  it.each([
    'libs/hub/src/hub.spec.ts',
    'libs/redis/src/log.int-spec.ts',
    'libs/hub/dist/index.d.ts',
    'libs/hub/node_modules/x/index.ts',
    'models/sketch/unet.onnx',
    'docs/protocol.md',
  ])('does not read %s', async (file) => {
    const before = await fingerprintInputs(root);
    await write(file);

    expect(await fingerprintInputs(root)).toBe(before);
  });
});

describe('listOutputs', () => {
  it('names the entry that each app and lib is built to', async () => {
    await mkdir(path.join(root, 'apps/not-written-yet'));

    expect(await listOutputs(root)).toEqual(
      ['apps/api/dist/main.js', 'libs/hub/dist/index.js'].map((file) => path.join(root, file)),
    );
  });
});

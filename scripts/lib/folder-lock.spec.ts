import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { tryLock, withLock } from './folder-lock.mjs';

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'stepcast-lock-'));
  folder = path.join(parent, 'state', 'setup.lock');
});

afterEach(() => rm(parent, { recursive: true, force: true }));

describe('tryLock', () => {
  it('gives the lock to one owner and names it to the others', async () => {
    const first = await tryLock(folder);
    const second = await tryLock(folder);

    expect(first.held).toBeDefined();
    expect(second).toEqual({ ownerPid: process.pid });
  });

  it('leaves nothing behind after release, and is free again', async () => {
    await (await tryLock(folder)).held?.release();

    expect(await readdir(path.dirname(folder))).toEqual([]);
    expect((await tryLock(folder)).held).toBeDefined();
  });

  it.each([
    ['a process that has ended', JSON.stringify({ pid: 2 ** 30, identity: '1' })],
    [
      'a process whose pid another one has now',
      JSON.stringify({ pid: process.pid, identity: '1' }),
    ],
    ['nobody that can be read', ''],
  ])('takes over the lock of %s (I2)', async (_name, owner) => {
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'token-of-the-dead'), owner);

    expect((await tryLock(folder)).held).toBeDefined();
  });

  it('gives the lock of a dead owner to exactly one of many (I2)', async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'token-of-the-dead'), '');

    const attempts = await Promise.all(Array.from({ length: 20 }, () => tryLock(folder)));

    expect(attempts.filter(({ held }) => held)).toHaveLength(1);
    expect(await readdir(path.dirname(folder))).toEqual(['setup.lock']);
  });
});

describe('withLock', () => {
  it('lets no two run at once, and each run', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };

    await Promise.all(
      Array.from({ length: 3 }, () => withLock({ folder, deadlineMs: 5000 }, work)),
    );

    expect(most).toBe(1);
  });

  it('releases the lock when the work fails', async () => {
    const work = () => Promise.reject(new Error('no space'));

    await expect(withLock({ folder, deadlineMs: 0 }, work)).rejects.toThrow('no space');

    expect((await tryLock(folder)).held).toBeDefined();
  });

  it('gives up at the deadline and names the owner', async () => {
    await tryLock(folder);

    const waiting = withLock({ folder, deadlineMs: 0 }, () => Promise.resolve());

    await expect(waiting).rejects.toThrow(`process ${process.pid}`);
  });
});

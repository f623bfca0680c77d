import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, it } from '@jest/globals';

import { startApp, uniquePrefix, type AppProcess } from '../support/stepcast.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let hub: AppProcess;

beforeAll(async () => {
  hub = await startApp('standalone', { KEY_PREFIX: uniquePrefix() });
}, 60_000);

describe('what the README shows', () => {
  it('the curl line streams 20 steps and one completed', async () => {
    const readme = await readFile(`${root}/README.md`, 'utf8');
    const command = /curl -N [^\n]+\\\n[^\n]+/.exec(readme)?.[0] ?? '';

    const { stdout } = await run(
      'bash',
      ['-c', command.replace('http://127.0.0.1:3000', hub.url)],
      {
        maxBuffer: 16 * 1024 * 1024,
      },
    );

    expect(stdout.match(/^event: step$/gm)).toHaveLength(20);
    expect(stdout.match(/^event: completed$/gm)).toHaveLength(1);
  });

  it('the WebSocket script prints a text', async () => {
    const { stdout } = await run('node', ['examples/first.mjs'], {
      cwd: root,
      env: { ...process.env, HUB: `${hub.url.replace('http', 'ws')}/v1/ws` },
    });

    expect(stdout.trim().split(/\s+/).length).toBeGreaterThan(5);
  });
});

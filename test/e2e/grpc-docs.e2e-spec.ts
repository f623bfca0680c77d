import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, it } from '@jest/globals';

import { startApp, uniquePrefix, waitFor, type AppProcess } from '../support/stepcast.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let hub: AppProcess;
let document: string;

beforeAll(async () => {
  hub = await startApp('standalone', { KEY_PREFIX: uniquePrefix() });
  document = await readFile(`${root}/docs/grpc.md`, 'utf8');
}, 90_000);

/** The code of a language in the document. */
const blockOf = (language: string): string =>
  new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(document)?.[1] ?? '';

describe('docs/grpc.md', () => {
  it.each([
    [0, /"step": "3"/],
    [1, /"image": "data:image\/png;base64,/],
    [2, /"status": "SERVING"/],
  ])(
    'has a line %i for buf that works as it stands',
    async (index, expected) => {
      const line = blockOf('bash').trim().split('\n')[index] ?? '';
      const PATH = `${root}/node_modules/.bin:${process.env['PATH'] ?? ''}`;
      const env = { ...process.env, PATH };
      const command = line.replace('127.0.0.1:50051', hub.grpc);

      await waitFor(async () => {
        const { stdout } = await run('bash', ['-c', command], { env, maxBuffer: 2 ** 24 });
        return expected.test(stdout);
      }, 30_000);
    },
    60_000,
  );

  it('shows what the example does', async () => {
    const example = await readFile(`${root}/examples/grpc/draw.mjs`, 'utf8');

    expect(blockOf('js').length).toBeGreaterThan(200);
    expect(example).toContain(blockOf('js'));
  });
});

describe('examples/grpc/draw.mjs', () => {
  it('draws with nothing but the address and the proto', async () => {
    const { stdout } = await run(
      'node',
      ['examples/grpc/draw.mjs', hub.grpc, 'test/proto/stepcast.proto'],
      { cwd: root, timeout: 60_000 },
    );

    expect(stdout.match(/^step \d+ of 20$/gm)).toHaveLength(20);
    expect(stdout).toMatch(/^data:image\/png;base64,.*…$/m);
  }, 90_000);
});

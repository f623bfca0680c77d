import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { CliProcess, runCli, type CliOptions } from '../support/cli-process.js';
import { call, type JobView } from '../support/clients.js';
import { testRedisUrl } from '../support/redis.js';
import { startApp, uniquePrefix, waitFor, type AppProcess } from '../support/stepcast.js';
import { TcpProxy, stopAllProxies } from '../support/tcp-proxy.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An author's directory outside of the repository. */
let directory: string;
let made: CliProcess;
let hub: AppProcess;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'stepcast-author-'));
  made = await runCli(['new', 'model', 'echo', '--dir', directory]);
  for (const name of ['pace', 'sketch', 'writer']) {
    await symlink(path.join(root, 'models', name), path.join(directory, name));
  }
  await mkdir(path.join(directory, 'torn'));
  await writeFile(path.join(directory, 'torn/model.ts'), 'export default {');
  hub = await startApp('standalone', {
    KEY_PREFIX: uniquePrefix(),
    MODELS_DIR: directory,
    WORKER_SLOTS: '3',
    KILL_AFTER_MS: '30000',
  });
}, 90_000);

afterAll(async () => {
  await stopAllProxies();
  await rm(directory, { recursive: true, force: true });
});

const withHub = (options: CliOptions = {}): CliOptions => ({
  ...options,
  env: { STEPCAST_URL: hub.url, ...options.env },
});

const cli = (args: readonly string[], options?: CliOptions): Promise<CliProcess> =>
  runCli(args, withHub(options));

const job = async (id: string): Promise<JobView> =>
  (await call<JobView>(`${hub.url}/v1/jobs/${id}`)).body;

/** Starts a long job and waits for its first step. */
async function startRun(input: object, ...args: string[]): Promise<CliProcess> {
  const run = new CliProcess(['run', 'pace', '--input', JSON.stringify(input), ...args], withHub());
  await run.saw('step');
  return run;
}

describe('stepcast new model', () => {
  it('makes a folder outside of the repository whose own test passes', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--test'], {
      cwd: path.join(directory, 'echo'),
      env: { PATH: process.env['PATH'] },
    });

    expect({ code: made.code, err: made.err }).toEqual({ code: 0, err: '' });
    expect(stdout).toMatch(/^# pass 2$/m);
    expect(stdout).toMatch(/^# fail 0$/m);
  });

  it('makes a model whose types hold without a cast', async () => {
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const files = ['--skipLibCheck', 'echo/model.ts'];

    await expect(
      promisify(execFile)(process.execPath, [tsc, ...options, ...files], { cwd: directory }),
    ).resolves.toMatchObject({ stdout: '' });
  });

  it.each([
    ['a folder that exists', 'echo', /exists; choose another name/],
    ['a name that no address can hold', 'My Model', /is no name of a model/],
    ['a name that leads elsewhere', '../echo', /is no name of a model/],
  ])('refuses %s', async (_what, name, message) => {
    const { code, err, out } = await runCli(['new', 'model', name, '--dir', directory]);

    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('stepcast models', () => {
  it('is a table of what is served, and of folders that are broken with the reason', async () => {
    await waitFor(async () => (await cli(['models'])).out.includes('echo    1'), 30_000);
    const { code, lines } = await cli(['models']);

    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^NAME +VERSION +KIND +WORKERS +DEVICES +QUEUE +DESCRIPTION$/);
    expect(lines.slice(1, 5).map((line) => line.split(/ +/)[0])).toEqual([
      ...['echo', 'pace', 'sketch', 'writer'],
    ]);
    expect(lines.at(-1)).toMatch(/^ {2}torn: model\.ts:1:\d+: /);
  });

  it('is the answer of the hub for programs', async () => {
    const { out } = await cli(['models', '--json']);
    const { body } = await call(`${hub.url}/v1/models`);

    expect(Object.keys(JSON.parse(out) as object)).toEqual(Object.keys(body));
  });
});

describe('stepcast run, piped', () => {
  it('prints the lines of the stream as they are, and exits with 0', async () => {
    const run = await cli(['run', 'echo', '--field', 'text=one two']);
    const stream = await fetch(`${hub.url}/v1/jobs/${run.events[0]?.job}/events`, {
      headers: { accept: 'application/x-ndjson' },
    });

    expect({ code: run.code, err: run.err }).toEqual({ code: 0, err: '' });
    expect(run.events.map(({ type }) => type)).toEqual([
      ...['queued', 'started', 'word', 'word', 'completed'],
    ]);
    expect(run.out).toBe(await stream.text());
  });

  it('takes the input from stdin, from a file, and from fields', async () => {
    await writeFile(path.join(directory, 'input.json'), '{"text":"from a file"}');
    const runs = await Promise.all([
      cli(['run', 'echo', '--input', '-'], { stdin: '{"text":"one"}' }),
      cli(['run', 'echo', '--input', '@input.json'], { cwd: directory }),
      cli(['run', 'echo', '--field', 'text=7 7']),
    ]);

    expect(runs.map(({ events }) => events.at(-1)?.data['output'])).toEqual([
      ...[{ words: 1 }, { words: 3 }, { words: 2 }],
    ]);
  });

  it('exits with 1 when the job fails', async () => {
    const run = await cli(['run', 'pace', '--input', '{"steps":3,"everyMs":0,"fail":2}']);

    expect(run.code).toBe(1);
    expect(run.events.at(-1)).toMatchObject({ type: 'failed', data: { code: 'model_error' } });
  });

  it('cancels the job by Ctrl-C, waits for its end, and exits with 130', async () => {
    const run = await startRun({ steps: 10_000, everyMs: 50 });

    run.kill('SIGINT');

    expect(await run.exited()).toBe(130);
    expect(run.events.at(-1)).toMatchObject({ type: 'cancelled', data: { by: 'client' } });
    expect(await job(run.events[0]!.job)).toMatchObject({ status: 'cancelled' });
  });

  it('leaves at once by a second Ctrl-C, while the job still stops', async () => {
    const run = await startRun({ steps: 600, everyMs: 50, ignoreAbort: true });

    await waitFor(() => {
      if (run.code === undefined) run.kill('SIGINT');
      return run.code !== undefined;
    });

    expect(run.code).toBe(130);
    expect(run.events.at(-1)?.type).toBe('step');
  });

  it('cancels the job when nobody reads its output any more', async () => {
    const run = await startRun({ steps: 10_000, everyMs: 20 });
    const { job: id } = run.events[0]!;

    run.hangUp();

    expect(await run.exited()).toBe(130);
    expect(await job(id)).toMatchObject({ status: 'cancelled', cancel: { by: 'client' } });
  });

  it('lets the job go when it is killed, and keeps it with --keep', async () => {
    const [lost, kept] = await Promise.all([
      startRun({ steps: 10_000, everyMs: 100 }),
      // Longer than the grace of 5 s.
      startRun({ steps: 80, everyMs: 100 }, '--keep'),
    ]);
    const ids = [lost, kept].map(({ events }) => events[0]!.job);

    for (const run of [lost, kept]) run.kill('SIGKILL');

    const end = async (id: string | undefined) => {
      await waitFor(async () => (await job(id!))['finishedAt'] !== null, 60_000);
      return job(id!);
    };
    expect(await end(ids[0])).toMatchObject({ status: 'cancelled', cancel: { by: 'disconnect' } });
    expect(await end(ids[1])).toMatchObject({ status: 'completed' });
  }, 90_000);

  it('goes on where it was when the connection breaks', async () => {
    const proxy = await TcpProxy.start(Number(new URL(hub.url).port));
    const run = new CliProcess(['run', 'pace', '--input', '{"steps":60,"everyMs":50}'], {
      env: { STEPCAST_URL: `http://127.0.0.1:${proxy.port}` },
    });

    for (const seen of [5, 20, 35]) {
      await waitFor(() => run.events.length >= seen, 30_000);
      proxy.reset();
    }

    expect(await run.exited()).toBe(0);
    expect(run.events.map(({ seq }) => seq)).toEqual(Array.from({ length: 63 }, (_, i) => i + 1));
    expect(run.err.match(/connecting again/g)?.length).toBeGreaterThanOrEqual(3);
  });
});

describe('stepcast run, for people', () => {
  it('shows a bar and the output, with the picture as a file', async () => {
    const file = path.join(directory, 'circle.png');
    const run = await cli([
      ...['run', 'sketch', '--progress', '--field', 'prompt=a red circle'],
      ...['--field', 'steps=4', '--out', file],
    ]);

    expect(run.code).toBe(0);
    expect(run.err).toMatch(/queued\nstarted on cpu\n/);
    expect(run.err).toMatch(/█ 4\/4 ms /);
    expect(run.out).toMatch(/^\{\n {2}"image": "data:image\/png;base64,… \([\d.]+ KiB\)",/);
    expect([...(await readFile(file)).subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  });

  it('prints text as it comes', async () => {
    const input = JSON.stringify({ prompt: 'Leo was', maxTokens: 12, temperature: 0 });
    const { code, out } = await cli(['run', 'writer', '--progress', '--input', input]);
    const output = JSON.parse(out.slice(out.indexOf('{'))) as { text: string };

    expect(code).toBe(0);
    expect(out.startsWith(`${output.text}\n{`)).toBe(true);
  });

  it('says why a job failed', async () => {
    const { code, err } = await cli(['run', 'pace', '--progress', '--field', 'fail=1']);

    expect(code).toBe(1);
    expect(err).toMatch(/failed model_error: failed at step 1/);
  });
});

describe('stepcast proto and openapi', () => {
  it('leave out a folder whose code forgets a promise that fails', async () => {
    const other = path.join(directory, 'node_modules/forgetful');
    await mkdir(path.join(other, 'stray'), { recursive: true });
    await writeFile(
      path.join(other, 'stray/model.ts'),
      'void Promise.reject(new Error("nobody waits")); await 1; export default 1;',
    );

    const { code, err } = await runCli(['proto', '--models', other]);

    expect({ code, err }).toEqual({ code: 0, err: 'left out: stray: nobody waits\n' });
  });

  it('print the same proto from the folders and from the hub that serves them', async () => {
    const [local, remote] = await Promise.all([
      runCli(['proto', '--models', directory]),
      runCli(['proto', '--url', hub.url]),
    ]);

    expect({ code: local.code, out: local.out }).toEqual({ code: remote.code, out: remote.out });
    expect(local.code).toBe(0);
    expect(local.out).toContain('rpc PredictEcho(EchoRequest)');
    expect(local.err).toMatch(/^left out: torn: model\.ts:1:/);
  });

  it('write a file', async () => {
    const { code, out } = await cli(['openapi', '--out', 'openapi.json'], { cwd: directory });
    const document = JSON.parse(
      await readFile(path.join(directory, 'openapi.json'), 'utf8'),
    ) as object;

    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(document).toEqual((await call(`${hub.url}/openapi.json`)).body);
  });
});

describe('stepcast doctor', () => {
  const env = (redis: string) => ({ REDIS_URL: redis, MODELS_DIR: directory, PORT: '0' });

  it('finds everything that a hub needs, and says what is broken', async () => {
    const { code, out } = await runCli(['doctor'], { env: env(testRedisUrl()) });

    expect(out).toMatch(/^ok +Node: \d+/m);
    expect(out).toMatch(/^ok +Redis: (Redis|Valkey) \d+/m);
    expect(out).toMatch(/^ok +provider cpu: runs a graph; models use it$/m);
    expect(out).toMatch(/^ok +models: echo, pace, sketch, writer in /m);
    expect(out).toMatch(/^warning +model torn: model\.ts:1:/m);
    expect(code).toBe(0);
  }, 60_000);

  it('exits with 1 when something is missing, with the remedy', async () => {
    const { code, out } = await runCli(['doctor', '--json'], {
      env: { ...env('redis://user:secret@127.0.0.1:1'), EXECUTION_PROVIDERS: 'coreml' },
    });
    const findings = JSON.parse(out) as { about: string; state: string; remedy?: string }[];

    expect(code).toBe(1);
    expect(out).not.toContain('secret');
    expect(findings.filter(({ state }) => state === 'missing')).toEqual([
      expect.objectContaining({ about: 'Redis', remedy: expect.stringContaining('REDIS_URL') }),
      expect.objectContaining({
        about: 'EXECUTION_PROVIDERS',
        remedy: 'Set EXECUTION_PROVIDERS=cpu.',
      }),
    ]);
  }, 60_000);
});

describe('what cannot be done', () => {
  it.each([
    [
      'no hub',
      ['models', '--url', 'http://127.0.0.1:9'],
      /^stepcast: No hub answers at .*npm start/,
    ],
    [
      'no address',
      ['models', '--url', 'localhost'],
      /^stepcast: "localhost" is no address of a hub/,
    ],
    ['an unknown command', ['fly'], /unknown command 'fly'\n/],
    ['an unknown option', ['models', '--fast'], /unknown option '--fast'\n/],
    ['an unknown model', ['run', 'nobody'], /^stepcast: model_not_found: .*known: echo, pace/],
    [
      'an input off its schema',
      ['run', 'pace', '--field', 'steps=0'],
      /^stepcast: invalid_input: .*steps/,
    ],
    [
      'an input that is not JSON',
      ['run', 'pace', '--input', '{'],
      /^stepcast: --input is not JSON/,
    ],
  ])('is said in words, with code 2: %s', async (_what, args, message) => {
    const { code, out, err } = await cli(args);

    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toContain('    at ');
  });
});

describe('npx stepcast', () => {
  it('runs in the clone, without anything to install', async () => {
    const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    const { stdout } = await promisify(execFile)('npx', ['--offline', 'stepcast', '--version'], {
      cwd: root,
    });

    expect(stdout.trim()).toBe(version);
  });
});

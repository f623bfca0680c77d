// Real Stepcast processes, started from the build on a free port: for tests and benchmarks.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { waitFor, within } from './wait.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

export type AppName = 'api' | 'gateway' | 'worker' | 'standalone';

export interface AppProcess {
  readonly name: AppName;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** `127.0.0.1:<port>` of gRPC; '' of an app without. */
  readonly grpc: string;
  readonly pid: number;
  /** Lines of its log, newest last. */
  readonly log: readonly string[];
  /** Sends a signal; waits for the end unless the process goes on (SIGSTOP, SIGCONT). */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Keys of one test file or benchmark, so that they do not see each other's jobs. */
export function uniquePrefix(): string {
  return `t${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
}

const running = new Set<ChildProcess>();

// However this process ends, those that it started end too.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Ends every process that is still running. */
export async function stopAllApps(): Promise<void> {
  await Promise.all([...running].map((child) => end(child, 'SIGKILL')));
}

/** A process alone takes a second; many of them, on a machine that is full, share it. */
const START_DEADLINE_MS = 90_000;

/** Starts one app against a Redis and waits until it is ready. */
export async function startAppProcess(
  name: AppName,
  env: Readonly<Record<string, string>> & { readonly REDIS_URL: string },
): Promise<AppProcess> {
  const child = spawn(process.execPath, [path.join(root, 'apps', name, 'dist/main.js')], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      GRPC_PORT: '0',
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'json',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const log: string[] = [];
  const url = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        const address = listeningAddress(line);
        if (address !== undefined) resolve(address);
      });
    }
    child.once('exit', (code) => {
      running.delete(child);
      reject(
        new Error(
          `${name} ended with ${code} at start:\n${log
            .slice(-5)
            .map((line) => line.slice(0, 400))
            .join('\n')}`,
        ),
      );
    });
  });
  const address = await within(url, START_DEADLINE_MS, `${name} to listen`);
  await waitFor(async () => (await fetch(`${address}/health/ready`)).ok, START_DEADLINE_MS);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no pid`);
  const grpc = grpcAddress(log);
  return { name, url: address, grpc, pid, log, kill: (signal = 'SIGTERM') => end(child, signal) };
}

function listeningAddress(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined;
  const { url } = JSON.parse(line) as { url?: string };
  return url;
}

/** Logged before the address of HTTP is. */
function grpcAddress(log: readonly string[]): string {
  const line = log.find((text) => text.includes('"gRPC is listening"'));
  return line === undefined ? '' : (JSON.parse(line) as { grpc: string }).grpc;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  if (signal === 'SIGSTOP' || signal === 'SIGCONT') return null;
  await once(child, 'exit');
  return child.exitCode;
}

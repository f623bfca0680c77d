// The real command line, started as npx starts it, with pipes in place of a terminal.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { waitFor } from './wait.js';

const program = fileURLToPath(new URL('../../scripts/stepcast.mjs', import.meta.url));

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** One run of `stepcast`. */
export class CliProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  out = '';
  err = '';
  code: number | null | undefined;

  constructor(args: readonly string[], { env = {}, cwd, stdin = '' }: CliOptions = {}) {
    this.#child = spawn(process.execPath, [program, ...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: 'pipe',
      ...(cwd === undefined ? {} : { cwd }),
    });
    const child = this.#child;
    running.add(child);
    child.stdin?.end(stdin);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.#exited = once(child, 'close').then(([code]) => {
      running.delete(child);
      this.code = code as number | null;
      return this.code;
    });
  }

  /** Whole lines of stdout. */
  get lines(): string[] {
    return this.out.split('\n').slice(0, -1);
  }

  /** The lines as events. */
  get events(): { seq: number; type: string; job: string; data: Record<string, unknown> }[] {
    return this.lines.map((line) => JSON.parse(line) as (typeof this.events)[number]);
  }

  /** Waits for an event of a type. */
  async saw(type: string, deadlineMs = 30_000): Promise<void> {
    await waitFor(() => this.events.some((event) => event.type === type), deadlineMs);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Stops reading, as `| head` does when it has enough. */
  hangUp(): void {
    this.#child.stdout?.destroy();
  }

  exited(): Promise<number | null> {
    return this.#exited;
  }
}

/** Runs a command to its end. */
export async function runCli(args: readonly string[], options?: CliOptions): Promise<CliProcess> {
  const cli = new CliProcess(args, options);
  await cli.exited();
  return cli;
}

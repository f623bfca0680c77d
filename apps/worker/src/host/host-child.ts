import { fork, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { hostMessagesSchema, type HostCommand, type HostMessage } from './host-protocol.js';
import { Outgoing } from './outgoing.js';

/** How a host process ended. */
export interface HostExit {
  readonly reason: string;
}

export interface HostChildListener {
  onMessage(message: HostMessage): void;
  /** A line that the model, or a library of it, printed. */
  onLine(line: string): void;
  /** The process is gone; called once, last. */
  onExit(exit: HostExit): void;
}

const MAX_LINE_LENGTH = 8_192;

/** One host process and the typed channel to it. */
export class HostChild {
  /** Resolves when the process is gone, before `onExit` is called. */
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  readonly #outgoing = new Outgoing<HostCommand>((commands) => {
    if (this.#process.connected) this.#process.send(commands, () => undefined);
  }, setImmediate);

  constructor(file: string, listener: HostChildListener) {
    this.#process = fork(file, [], {
      serialization: 'json',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Not the flags of the worker: a debugger's port can be had once only.
      execArgv: ['--enable-source-maps'],
    });
    let fault: string | undefined;
    this.#process.on('message', (value) => {
      const messages = hostMessagesSchema.safeParse(value);
      if (messages.success) {
        for (const message of messages.data) listener.onMessage(message);
      } else {
        fault = 'sent something that is not a message of a host';
        this.kill();
      }
    });
    forwardLines(this.#process.stdout, listener);
    forwardLines(this.#process.stderr, listener);
    let isGone = false;
    let resolveExited: () => void = () => undefined;
    this.exited = new Promise((resolve) => {
      resolveExited = resolve;
    });
    const end = (reason: string) => {
      if (isGone) return;
      isGone = true;
      resolveExited();
      listener.onExit({ reason: fault ?? reason });
    };
    this.#process.on('exit', (code, signal) => {
      end(signal === null ? `exited with code ${code ?? 0}` : `was ended by ${signal}`);
    });
    this.#process.on('error', (error) => {
      if (this.#process.pid === undefined) end(`could not be started: ${error.message}`);
    });
  }

  /** 0 when the process could not be started. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Dropped when the process is gone: its exit says the rest. */
  send(command: HostCommand): void {
    this.#outgoing.push(command);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Kills it and waits until it is gone. */
  async end(): Promise<void> {
    this.kill();
    await this.exited;
  }
}

function forwardLines(stream: Readable | null, listener: HostChildListener): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE_LENGTH);
    for (const line of lines) {
      const text = stripVTControlCharacters(line.slice(0, MAX_LINE_LENGTH));
      if (text !== '') listener.onLine(text);
    }
  });
}

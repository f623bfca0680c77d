/**
 * The inside of a model host: loads every model once, then runs one job at a time.
 *
 * - H1 One run at a time; a second `run` is a fault of the worker and ends the process.
 * - H2 Every run is answered by exactly one of `done`, `failed`, `aborted`, after its last event.
 * - H3 At most a window of events and checkpoints is unacknowledged; `log` lines count, and are dropped, with a note,
 *   beyond four windows, because `ctx.log` cannot wait.
 */
import { inspect } from 'node:util';
import {
  loadModel,
  loadRegistry,
  runModel,
  safeMessage,
  type LoadedModel,
  type ModelRegistry,
} from '@stepcast/models';
import { LOG_LEVELS, type LogLevel } from '@stepcast/protocol';
import { CreditWindow } from './credit-window.js';
import {
  MAX_UNACKED_BYTES,
  MAX_UNACKED_MESSAGES,
  type HostCommand,
  type HostMessage,
  type InitCommand,
  type RunCommand,
} from './host-protocol.js';

interface CurrentRun {
  readonly job: string;
  readonly controller: AbortController;
  readonly window: CreditWindow;
  droppedLogs: number;
}

const MAX_LOG_LENGTH = 8_192;

export class HostProcess {
  readonly #send: (message: HostMessage) => void;
  readonly #models = new Map<string, LoadedModel>();
  readonly #failures: Record<string, string> = {};
  #current: CurrentRun | undefined;

  constructor(send: (message: HostMessage) => void) {
    this.#send = send;
  }

  /** Rejects only for faults that should end the process. */
  async handle(command: HostCommand): Promise<void> {
    switch (command.kind) {
      case 'init':
        return this.#load(command);
      case 'run':
        return this.#run(command);
      case 'cancel':
        if (this.#current?.job === command.job) this.#current.controller.abort();
        return;
      case 'ack':
        if (this.#current?.job === command.job) this.#current.window.acked(command.count);
        return;
    }
  }

  async #load({ modelsDirectory, providers, threads }: InitCommand): Promise<void> {
    const registry = await loadRegistry(modelsDirectory);
    for (const { folder, reason } of registry.broken) {
      this.#log(undefined, 'error', `The model folder ${folder} is broken: ${reason}`);
    }
    await this.#loadAll(registry, { providers, threads });
    const models = [...this.#models].map(
      ([name, { device, loadMs }]) => [name, { device, loadMs }] as const,
    );
    this.#send({
      kind: 'ready',
      models: Object.fromEntries(models),
      failures: this.#failures,
    });
  }

  async #loadAll(
    registry: ModelRegistry,
    options: Pick<InitCommand, 'providers' | 'threads'>,
  ): Promise<void> {
    for (const entry of registry.entries()) {
      const { name } = entry.model;
      const log = (level: LogLevel, message: string) => {
        this.#log(undefined, level, `${name}: ${message}`);
      };
      try {
        this.#models.set(name, await loadModel(entry, { ...options, log }));
      } catch (error) {
        this.#failures[name] = safeMessage(error);
        log('error', `cannot be loaded: ${stackOf(error)}`);
      }
    }
  }

  async #run(command: RunCommand): Promise<void> {
    if (this.#current !== undefined) throw new Error('a host runs one job at a time (H1)');
    const { job, attempt, saved } = command;
    const model = this.#models.get(command.model);
    if (model === undefined) {
      const reason = this.#failures[command.model] ?? 'there is no such model here';
      const message = `The model could not be loaded on the worker: ${reason}`;
      this.#send({ kind: 'failed', job, code: 'model_unavailable', message });
      return;
    }
    const run: CurrentRun = {
      job,
      controller: new AbortController(),
      window: new CreditWindow(MAX_UNACKED_MESSAGES, MAX_UNACKED_BYTES),
      droppedLogs: 0,
    };
    this.#current = run;
    const order = { job, attempt, input: JSON.parse(command.input) as unknown, saved };
    const outcome = await runModel(model, order, {
      signal: run.controller.signal,
      log: (level, message) => {
        this.#log(run, level, message);
      },
      emit: ({ type, json, progress }) => {
        run.window.sent(json.length);
        this.#send({ kind: 'event', job, type, data: json, ...(progress ? { progress } : {}) });
        return run.window.room(run.controller.signal);
      },
      checkpoint: (data) => {
        run.window.sent(data.length);
        this.#send({ kind: 'checkpoint', job, data });
        return run.window.room(run.controller.signal);
      },
    });
    this.#noteDropped(run);
    this.#current = undefined;
    this.#send({ ...outcome, job });
  }

  #log(run: CurrentRun | undefined, givenLevel: LogLevel, message: string): void {
    const level = asLevel(givenLevel);
    const text = asText(message).slice(0, MAX_LOG_LENGTH);
    if (run === undefined) {
      this.#send({ kind: 'log', level, message: text });
    } else if (run.window.messages >= 4 * MAX_UNACKED_MESSAGES) {
      run.droppedLogs += 1;
    } else {
      this.#noteDropped(run);
      run.window.sent(text.length);
      this.#send({ kind: 'log', job: run.job, level, message: text });
    }
  }

  #noteDropped(run: CurrentRun): void {
    if (run.droppedLogs === 0) return;
    const message = `${run.droppedLogs} log lines were dropped: the model logs faster than they can be stored`;
    run.droppedLogs = 0;
    run.window.sent(message.length);
    this.#send({ kind: 'log', job: run.job, level: 'warn', message });
  }
}

/** Models may be plain JavaScript: what they log is made a level and a text here. */
function asLevel(value: unknown): LogLevel {
  return LOG_LEVELS.find((level) => level === value) ?? 'info';
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

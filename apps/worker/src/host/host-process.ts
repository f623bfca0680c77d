/**
 * The inside of a model host: loads every model once, then runs jobs of one model at a time.
 *
 * - H1 Runs of one model at a time, each job once; another is a fault of the worker and ends the process.
 * - H2 Every run is answered by exactly one of `done`, `failed`, `aborted`, after its last event.
 * - H3 At most a window of events and checkpoints is unacknowledged; `log` lines count, and are dropped, with a note,
 *   beyond four windows, because `ctx.log` cannot wait.
 */
import { inspect } from 'node:util';
import {
  createRunner,
  loadModel,
  loadRegistry,
  safeMessage,
  type LoadedModel,
  type ModelRegistry,
  type ModelRunner,
} from '@stepcast/models';
import { LOG_LEVELS, type LogLevel } from '@stepcast/protocol';
import { BatchReport } from './batch-report.js';
import { CreditWindow } from './credit-window.js';
import {
  MAX_UNACKED_BYTES,
  MAX_UNACKED_MESSAGES,
  type HostCommand,
  type HostMessage,
  type InitCommand,
  type RunCommand,
} from './host-protocol.js';

interface WarmModel extends LoadedModel {
  readonly runner: ModelRunner;
}

interface CurrentRun {
  readonly job: string;
  readonly model: string;
  readonly controller: AbortController;
  readonly window: CreditWindow;
  droppedLogs: number;
}

const MAX_LOG_LENGTH = 8_192;

/** How often models that can tell are asked whether they are well, while no job runs. */
const HEALTHCHECK_INTERVAL_MS = 30_000;

export class HostProcess {
  readonly #send: (message: HostMessage) => void;
  readonly #models = new Map<string, WarmModel>();
  readonly #failures: Record<string, string> = {};
  readonly #runs = new Map<string, CurrentRun>();
  readonly #batches: BatchReport;

  constructor(send: (message: HostMessage) => void) {
    this.#send = send;
    this.#batches = new BatchReport(send);
  }

  /** Rejects only for faults that should end the process. */
  async handle(command: HostCommand): Promise<void> {
    switch (command.kind) {
      case 'init':
        return this.#load(command);
      case 'run':
        return this.#run(command);
      case 'cancel':
        this.#runs.get(command.job)?.controller.abort();
        return;
      case 'ack':
        this.#runs.get(command.job)?.window.acked(command.count);
        return;
      case 'close':
        await Promise.allSettled([...this.#models.values()].map((model) => model.unload()));
        process.exit(0);
    }
  }

  async #load({ modelsDirectory, ...options }: InitCommand): Promise<void> {
    const registry = await loadRegistry(modelsDirectory);
    for (const { folder, reason } of registry.broken) {
      this.#log(undefined, 'error', `The model folder ${folder} is broken: ${reason}`);
    }
    await this.#loadAll(registry, options);
    const models = [...this.#models].map(
      ([name, { device, loadMs }]) => [name, { device, loadMs }] as const,
    );
    this.#send({
      kind: 'ready',
      models: Object.fromEntries(models),
      failures: this.#failures,
    });
    this.#watchHealth();
  }

  async #loadAll(
    registry: ModelRegistry,
    options: Pick<InitCommand, 'providers' | 'threads' | 'maxBatchSize'>,
  ): Promise<void> {
    const { maxBatchSize } = options;
    for (const entry of registry.entries()) {
      const { name } = entry.model;
      const log = (level: LogLevel, message: string) => {
        this.#log(undefined, level, `${name}: ${message}`);
      };
      try {
        const loaded = await loadModel(entry, { ...options, log });
        const onBatch = this.#batches.of(name);
        const runner = createRunner(loaded, { maxBatchSize, onBatch });
        this.#models.set(name, { ...loaded, runner });
      } catch (error) {
        this.#failures[name] = safeMessage(error);
        log('error', `cannot be loaded: ${stackOf(error)}`);
      }
    }
  }

  /** A model that is ill takes its process with it: the next one is warmed afresh. */
  #watchHealth(): void {
    const check = async (): Promise<void> => {
      if (this.#runs.size > 0) return;
      for (const { model, loaded } of this.#models.values()) {
        await model.healthcheck(loaded).catch((error: unknown) => {
          throw new Error(`the health check of ${model.name} failed`, { cause: error });
        });
      }
    };
    setInterval(() => {
      check().catch((error: unknown) => {
        // The worker logs what a host prints.
        process.stderr.write(`${stackOf(error)}\n`, () => process.exit(1));
      });
    }, HEALTHCHECK_INTERVAL_MS);
  }

  async #run(command: RunCommand): Promise<void> {
    const { job, attempt, saved } = command;
    const model = this.#models.get(command.model);
    if (model === undefined) {
      const reason = this.#failures[command.model] ?? 'there is no such model here';
      const message = `The model could not be loaded on the worker: ${reason}`;
      this.#send({ kind: 'failed', job, code: 'model_unavailable', message });
      return;
    }
    this.#assertRoom(command);
    const run: CurrentRun = {
      job,
      model: command.model,
      controller: new AbortController(),
      window: new CreditWindow(MAX_UNACKED_MESSAGES, MAX_UNACKED_BYTES),
      droppedLogs: 0,
    };
    this.#runs.set(job, run);
    const order = { job, attempt, input: JSON.parse(command.input) as unknown, saved };
    const outcome = await model.runner.run(order, {
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
    this.#runs.delete(job);
    this.#send({ ...outcome, job });
    if (this.#runs.size === 0) this.#batches.send();
  }

  /** H1. How many is for the worker to say: whoever is one too many waits in the runner. */
  #assertRoom({ job, model }: RunCommand): void {
    const isOther = [...this.#runs.values()].some((run) => run.model !== model);
    if (isOther || this.#runs.has(job)) throw new Error(`no room for a job of ${model} (H1)`);
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

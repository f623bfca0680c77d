import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { InferenceSession } from 'onnxruntime-common';
import type { LogLevel } from '@stepcast/protocol';
import type { ModelEnv } from './definition.js';
import { safeMessage } from './safe-message.js';

export interface ModelEnvOptions {
  /** Absolute folder of the model. */
  readonly directory: string;
  /** Execution providers in order of preference: `cuda`, `webgpu`, `coreml`, `dml`, `cpu`. */
  readonly providers: readonly string[];
  /** Threads of one session; 0 leaves the choice to the runtime: one per core. */
  readonly threads: number;
  readonly log: (level: LogLevel, message: string) => void;
}

/**
 * What a model sees while it loads. Remembers its sessions, to say on which device they really run and
 * to release them.
 */
export class HostModelEnv implements ModelEnv {
  readonly directory: string;
  readonly log: ModelEnvOptions['log'];
  readonly #options: ModelEnvOptions;
  readonly #sessions: InferenceSession[] = [];
  readonly #devices = new Set<string>();

  constructor(options: ModelEnvOptions) {
    this.#options = options;
    this.directory = options.directory;
    this.log = options.log;
  }

  /** The providers in use, such as `cuda`; `cpu` for a model without sessions. */
  get device(): string {
    return this.#devices.size === 0 ? 'cpu' : [...this.#devices].join('+');
  }

  async session(
    file: string,
    options: InferenceSession.SessionOptions = {},
  ): Promise<InferenceSession> {
    const place = path.join(this.directory, file);
    await stat(place).catch((cause: unknown) => {
      throw new Error(`${file} is not in the folder of the model`, { cause });
    });
    if (options.executionProviders !== undefined) {
      const [first] = options.executionProviders;
      const device = typeof first === 'string' ? first : (first?.name ?? 'cpu');
      return this.#open(place, options, device);
    }
    return this.#openOnFirst(place, options);
  }

  async readText(file: string): Promise<string> {
    return readFile(path.join(this.directory, file), 'utf8');
  }

  async readJson(file: string): Promise<unknown> {
    return JSON.parse(await this.readText(file));
  }

  async release(): Promise<void> {
    await Promise.all(this.#sessions.splice(0).map((session) => session.release()));
  }

  /** A missing provider falls to the next and says so. */
  async #openOnFirst(
    place: string,
    options: InferenceSession.SessionOptions,
  ): Promise<InferenceSession> {
    const failures: string[] = [];
    for (const provider of this.#options.providers) {
      try {
        return await this.#open(place, { ...options, executionProviders: [provider] }, provider);
      } catch (error) {
        failures.push(`${provider}: ${safeMessage(error)}`);
        this.log('warn', `Execution provider ${provider} is of no use here: ${safeMessage(error)}`);
      }
    }
    throw new Error(
      `${path.basename(place)} opens on no execution provider (${failures.join('; ')}); ` +
        'set EXECUTION_PROVIDERS, for example to "cpu"',
    );
  }

  async #open(
    place: string,
    options: InferenceSession.SessionOptions,
    device: string,
  ): Promise<InferenceSession> {
    // Imported here only: processes that merely describe models never load the native library.
    const { InferenceSession } = await import('onnxruntime-node');
    const { threads } = this.#options;
    const session = await InferenceSession.create(place, {
      ...(threads > 0 ? { intraOpNumThreads: threads } : {}),
      logSeverityLevel: 3,
      ...options,
    });
    this.#sessions.push(session);
    this.#devices.add(device);
    return session;
  }
}

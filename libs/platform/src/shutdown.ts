import pTimeout from 'p-timeout';

/**
 * The end of a process, in order:
 *
 *   refuse ──► drain ──► flush ──► (Nest closes HTTP, then queues and Redis)
 *
 * - S1 Phases run one after another; the hooks of one phase run side by side.
 * - S2 Every hook has a deadline; one that misses it is reported and no longer waited for.
 * - S3 A failing hook stops neither its phase nor the next one; all failures come out as one
 *   `AggregateError` at the end.
 * - S4 {@link Shutdown.run} runs once; later calls get the same promise.
 */
export const SHUTDOWN_PHASES = ['refuse', 'drain', 'flush'] as const;

/** refuse: take no new work. drain: let work end and move viewers. flush: write what is buffered. */
export type ShutdownPhase = (typeof SHUTDOWN_PHASES)[number];

export interface ShutdownHook {
  readonly name: string;
  readonly phase: ShutdownPhase;
  /** Default: what is left of the whole drain. */
  readonly deadlineMs?: number;
  /** The signal is aborted when the hook's deadline has passed. */
  readonly run: (signal: AbortSignal) => unknown;
}

export class Shutdown {
  readonly #hooks: ShutdownHook[] = [];
  readonly #controller = new AbortController();
  #running: Promise<void> | undefined;

  /** Aborted at the moment when draining begins. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  register(hook: ShutdownHook): void {
    this.#hooks.push(hook);
  }

  /**
   * Runs every hook within `timeoutMs`.
   * @throws {AggregateError} when hooks failed or missed their deadline, after all have been run.
   */
  run(timeoutMs: number): Promise<void> {
    this.#running ??= this.#run(performance.now() + timeoutMs);
    return this.#running;
  }

  async #run(end: number): Promise<void> {
    this.#controller.abort();
    const failures: unknown[] = [];
    for (const phase of SHUTDOWN_PHASES) {
      const hooks = this.#hooks.filter((hook) => hook.phase === phase);
      const left = Math.max(0, end - performance.now());
      const results = await Promise.allSettled(hooks.map((hook) => runHook(hook, left)));
      for (const result of results) {
        if (result.status === 'rejected') failures.push(result.reason);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.');
  }
}

async function runHook(hook: ShutdownHook, leftMs: number): Promise<void> {
  const deadlineMs = Math.min(hook.deadlineMs ?? leftMs, leftMs);
  const controller = new AbortController();
  const running = Promise.resolve().then(() => hook.run(controller.signal));
  try {
    await pTimeout(running, {
      milliseconds: Math.max(1, deadlineMs),
      fallback: () => {
        controller.abort();
        throw new Error(`"${hook.name}" took longer than ${Math.round(deadlineMs)} ms`);
      },
    });
  } catch (cause) {
    throw new Error(`while stopping: ${hook.name}`, { cause });
  }
}

import pTimeout from 'p-timeout';

/**
 * Proves that something the process depends on works; throws or rejects when it does not. An object that
 * it answers is shown beside `ok`: what an operator wants to see also while all is well.
 */
export type HealthCheck = () => unknown;

export interface CheckResult {
  readonly ok: boolean;
  /** Why not. */
  readonly message?: string;
  readonly [detail: string]: unknown;
}

export interface HealthReport {
  readonly status: 'ready' | 'failing' | 'draining';
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** A check that takes longer is failing: a probe that hangs tells an orchestrator nothing. */
const CHECK_DEADLINE_MS = 2_000;

/** Whether the process should be given work: named checks, and not while it drains. */
export class Health {
  readonly #checks = new Map<string, HealthCheck>();
  #draining = false;

  get isDraining(): boolean {
    return this.#draining;
  }

  /** Adds a check; one of the same name is replaced. */
  register(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  /** From now on the process is not ready, so that no new work is sent to it. */
  startDraining(): void {
    this.#draining = true;
  }

  async report(): Promise<HealthReport> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await runCheck(check)] as const),
    );
    const failing = results.some(([, result]) => !result.ok);
    return {
      status: this.#draining ? 'draining' : failing ? 'failing' : 'ready',
      checks: Object.fromEntries(results),
    };
  }
}

async function runCheck(check: HealthCheck): Promise<CheckResult> {
  const message = `no answer within ${CHECK_DEADLINE_MS} ms`;
  try {
    const details = await pTimeout(Promise.resolve().then(check), {
      milliseconds: CHECK_DEADLINE_MS,
      message,
    });
    return { ...(typeof details === 'object' && details), ok: true };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { JobStatus } from '@stepcast/protocol';
import type { StoreWaits } from './retry.js';

const RUN_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];
const STOP_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const APPEND_EVENTS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The metrics of a worker; docs/operations.md says what each means. */
export class WorkerMetrics implements StoreWaits {
  readonly #ended: Counter<'model' | 'status'>;
  readonly #attemptsFailed: Counter<'model' | 'code'>;
  readonly #runSeconds: Histogram<'model'>;
  readonly #stopSeconds: Histogram<'by'>;
  readonly #appendEvents: Histogram;
  readonly #hostRestarts: Counter;
  readonly #retries: Counter<'call'>;
  readonly #waiting: Gauge;
  readonly #revoked: Counter<'reason'>;
  readonly #restored: Counter;

  constructor(registry: Registry, busySlots: () => number) {
    const registers = [registry];
    this.#ended = new Counter({
      name: 'stepcast_worker_jobs_ended_total',
      help: 'Jobs that ended on this worker.',
      labelNames: ['model', 'status'],
      registers,
    });
    this.#attemptsFailed = new Counter({
      name: 'stepcast_worker_attempts_failed_total',
      help: 'Attempts that failed on this worker, by error code.',
      labelNames: ['model', 'code'],
      registers,
    });
    this.#runSeconds = new Histogram({
      name: 'stepcast_worker_run_seconds',
      help: 'How long completed jobs ran.',
      labelNames: ['model'],
      buckets: RUN_SECONDS,
      registers,
    });
    this.#stopSeconds = new Histogram({
      name: 'stepcast_worker_stop_seconds',
      help: 'From the order to stop until nothing of the job ran.',
      labelNames: ['by'],
      buckets: STOP_SECONDS,
      registers,
    });
    this.#appendEvents = new Histogram({
      name: 'stepcast_worker_append_events',
      help: 'Events that were stored together.',
      buckets: APPEND_EVENTS,
      registers,
    });
    this.#hostRestarts = new Counter({
      name: 'stepcast_worker_host_restarts_total',
      help: 'Model hosts that ended and were replaced.',
      registers,
    });
    this.#retries = new Counter({
      name: 'stepcast_worker_store_retries_total',
      help: 'Calls to the store that were refused and tried again.',
      labelNames: ['call'],
      registers,
    });
    this.#waiting = new Gauge({
      name: 'stepcast_worker_store_waiting',
      help: 'Calls that wait for the store now.',
      registers,
    });
    this.#revoked = new Counter({
      name: 'stepcast_worker_revoked_total',
      help: 'Attempts that the log refused: another owns the job, or it has ended.',
      labelNames: ['reason'],
      registers,
    });
    this.#restored = new Counter({
      name: 'stepcast_worker_logs_restored_total',
      help: 'Logs that were lost and began anew from memory.',
      registers,
    });
    new Gauge({
      name: 'stepcast_worker_busy_slots',
      help: 'Slots with a job.',
      registers,
      collect() {
        this.set(busySlots());
      },
    });
  }

  ended(model: string, status: JobStatus): void {
    this.#ended.inc({ model, status });
  }

  attemptFailed(model: string, code: string): void {
    this.#attemptsFailed.inc({ model, code });
  }

  ran(model: string, ms: number): void {
    this.#runSeconds.observe({ model }, ms / 1_000);
  }

  stopped(by: string, ms: number): void {
    this.#stopSeconds.observe({ by }, ms / 1_000);
  }

  appended(events: number): void {
    this.#appendEvents.observe(events);
  }

  hostRestarted(): void {
    this.#hostRestarts.inc();
  }

  retried(call: string): void {
    this.#retries.inc({ call });
  }

  waitBegan(): void {
    this.#waiting.inc();
  }

  waitEnded(): void {
    this.#waiting.dec();
  }

  revoked(reason: string): void {
    this.#revoked.inc({ reason });
  }

  logRestored(): void {
    this.#restored.inc();
  }
}

import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { Health } from './health.js';
import { observeQueue, type ObservedQueue } from './health-of-queue.js';

const up: ObservedQueue = { check: () => Promise.resolve(), isUp: true, failures: 0 };
const down: ObservedQueue = {
  check: () => Promise.reject(new Error('no connection for 3 s')),
  isUp: false,
  failures: 7,
};

describe('observeQueue', () => {
  it('shows each side of the queues in health and metrics, also in one process', async () => {
    const [health, registry] = [new Health(), new Registry()];

    observeQueue(health, registry, { side: 'api', queue: up });
    observeQueue(health, registry, { side: 'worker', queue: down });

    expect(await health.report()).toEqual({
      status: 'failing',
      checks: {
        'api-queue': { ok: true },
        'worker-queue': { ok: false, message: 'no connection for 3 s' },
      },
    });
    const metrics = await registry.metrics();
    expect(metrics).toContain('stepcast_api_queue_up 1');
    expect(metrics).toContain('stepcast_worker_queue_up 0');
    expect(metrics).toContain('stepcast_worker_queue_errors_total 7');
  });
});

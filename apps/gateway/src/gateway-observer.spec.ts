import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { GatewayObserver } from './gateway-observer.js';

const entry = (at: number) => ({
  seq: 1,
  type: 'step',
  json: `{"job":"j","seq":1,"attempt":1,"type":"step","at":${at},"data":{"at":5}}`,
});

function observe() {
  const registry = new Registry();
  const clock = { now: 100_000 };
  const observer = new GatewayObserver(registry, () => clock.now);
  const read = async (name: string): Promise<number | undefined> => {
    const line = (await registry.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  };
  return { observer, clock, read };
}

describe('GatewayObserver', () => {
  it('counts what the hub does', async () => {
    const { observer, read } = observe();
    observer.reset('slow');
    observer.reset('slow');
    observer.merged(40);
    observer.merged(2);
    observer.gapHealed();
    observer.auditDiffered();

    expect(await read('stepcast_resets_total{reason="slow"}')).toBe(2);
    expect(await read('stepcast_merged_events_total')).toBe(42);
    expect(await read('stepcast_gaps_healed_total')).toBe(1);
    expect(await read('stepcast_audit_differences_total')).toBe(1);
  });

  it('takes the lag from the time of the event, at most every 10 ms', async () => {
    const { observer, clock, read } = observe();
    observer.delivered(entry(99_750));
    clock.now += 9;
    observer.delivered(entry(99_000));
    expect(await read('stepcast_delivery_lag_seconds_sum')).toBe(0.25);
    clock.now += 1;

    observer.delivered(entry(clock.now - 500));

    expect(await read('stepcast_delivery_lag_seconds_sum')).toBe(0.75);
    expect(await read('stepcast_delivery_lag_seconds_count')).toBe(2);
  });

  it('does not count backwards when the clocks differ', async () => {
    const { observer, clock, read } = observe();
    observer.delivered(entry(clock.now + 3));

    expect(await read('stepcast_delivery_lag_seconds_sum')).toBe(0);
  });
});

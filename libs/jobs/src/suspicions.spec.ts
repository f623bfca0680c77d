import { describe, expect, it } from '@jest/globals';
import type { JobRecord } from '@stepcast/hub';
import { Suspicions } from './suspicions.js';

const record = (top: number, attempt = 1) => ({ id: 'j', top, attempt }) as JobRecord;

describe('Suspicions', () => {
  it('counts from the first time without a break', () => {
    const suspicions = new Suspicions();

    const ages = [100, 400, 900].map((now) => suspicions.confirm(record(3), 'lost', now));

    expect(ages).toEqual([0, 300, 800]);
  });

  it.each([
    ['an event', record(4), 'lost'],
    ['a claim', record(3, 2), 'lost'],
    ['another reason', record(3), 'other'],
  ])('begins anew with %s', (_name, after, reason) => {
    const suspicions = new Suspicions();
    suspicions.confirm(record(3), 'lost', 100);

    expect(suspicions.confirm(after, reason, 400)).toBe(0);
  });

  it('begins anew after it was cleared', () => {
    const suspicions = new Suspicions();
    suspicions.confirm(record(3), 'lost', 100);
    suspicions.clear('j');

    expect(suspicions.confirm(record(3), 'lost', 400)).toBe(0);
  });

  it('forgets what was not confirmed since', () => {
    const suspicions = new Suspicions();
    suspicions.confirm(record(3), 'lost', 100);

    suspicions.forgetBefore(100);
    expect(suspicions.size).toBe(1);

    suspicions.forgetBefore(101);
    expect(suspicions.size).toBe(0);
  });
});

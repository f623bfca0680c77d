import { describe, expect, it } from '@jest/globals';
import { describeNews } from './describe-news.js';
import type { StoreNews } from './store-monitor.js';

const spell = { kind: 'full', reason: 'OOM no room', since: 0, failures: 12 } as const;

const cases: [string, StoreNews][] = [
  [
    'warn Redis cannot be used: full: OOM no room',
    { about: 'store', change: { kind: 'began', trouble: spell } },
  ],
  [
    'log Redis has been full for 3.2 s, with 12 failures; that is over',
    { about: 'store', change: { kind: 'ended', trouble: spell, durationMs: 3_200 } },
  ],
  [
    'warn pub/sub is interrupted: nothing is heard',
    { about: 'feed', change: { kind: 'interrupted', cause: 'silence' } },
  ],
  [
    'log pub/sub is whole again after 0.1 s: every channel is audited; Redis has cut 2 connections for reading too slowly',
    { about: 'feed', change: { kind: 'whole', cause: 'connection', durationMs: 80 }, cutOffs: 2 },
  ],
  [
    'warn Redis has lost its memory: it began anew at 2026-01-01T00:00:00.000Z. Jobs that waited or had ended are gone',
    { about: 'memory', bornAt: Date.UTC(2026, 0, 1) },
  ],
];

describe('describeNews', () => {
  it.each(cases)('says "%s"', (line, news) => {
    const { level, text } = describeNews(news);

    expect(`${level} ${text}`).toBe(line);
  });
});

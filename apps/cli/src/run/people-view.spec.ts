import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { JobEvent } from '@stepcast/protocol';
import type { StreamMessage } from './job-stream.js';
import { PeopleView } from './people-view.js';

function open(folds: Record<string, 'all' | 'append' | 'latest'> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const view = new PeopleView({ env: {}, stdout, stderr }, folds);
  const textOf = (stream: PassThrough): string =>
    (stream.read() as Buffer | null)?.toString() ?? '';
  return {
    view,
    show: (...messages: StreamMessage[]) => {
      for (const message of messages) view.line({ message });
    },
    end: (type: string, data: object) => {
      view.end({ type, data } as JobEvent);
    },
    out: () => textOf(stdout),
    err: () => textOf(stderr),
  };
}

const event = (type: string, data: unknown): StreamMessage => ({ type, seq: 1, attempt: 1, data });

describe('PeopleView', () => {
  it('shows steps as a bar with what fits beside it, and ends on the last', () => {
    const { show, end, out, err } = open({ step: 'latest' });

    show(
      event('step', {
        step: 1,
        of: 4,
        ms: 3.14159,
        preview: 'data:image/png;base64,AAAA'.repeat(9),
      }),
    );
    show(event('step', { step: 4, of: 4, ms: 2, word: 'last' }));
    end('completed', { output: { ok: true } });

    expect(err()).toMatch(/4\/4 ms 2, word last/);
    expect(out()).toBe('{\n  "ok": true\n}\n');
  });

  it('shows text as it comes, and begins a new line for anything else', () => {
    const { show, end, out, err } = open({ token: 'append' });

    show(event('token', { index: 0, text: 'Once' }), event('token', { index: 1, text: ' upon' }));
    show(event('log', { level: 'warn', message: 'mind' }));
    show(event('token', { index: 2, text: ' a time' }));
    end('completed', { output: 1 });

    expect(out()).toBe('Once upon\n a time\n1\n');
    expect(err()).toBe('warn: mind\n');
  });

  it('shows texts above a bar as lines', () => {
    const { show, end, err } = open({ token: 'append', step: 'latest' });

    show(event('step', { step: 1, of: 2 }), event('token', 'hello'));
    end('completed', { output: 1 });

    expect(err()).toMatch(/^hello$/m);
  });

  it('shows any other event as one line of JSON', () => {
    const { show, err } = open();

    show(event('found', { label: 'cat' }));

    expect(err()).toBe('found {"label":"cat"}\n');
  });

  it('says that a snapshot replaces what was shown, and shows its text', () => {
    const { show, out, err } = open({ token: 'append' });

    show(
      { type: 'reset' },
      { type: 'snapshot', position: 'e.9', state: { events: { token: { text: 'all' } } } },
    );

    expect(err()).toBe('the hub begins this job anew\nwhat came before is replaced\n');
    expect(out()).toBe('all');
  });

  it.each([
    ['failed', { code: 'model_error', message: 'no' }, 'failed model_error: no\n'],
    [
      'cancelled',
      { by: 'client', reason: '', stoppedAfterMs: 12.4 },
      'cancelled by client (stopped after 12 ms)\n',
    ],
  ])('says on stderr why a job %s', (type, data, line) => {
    const { end, out, err } = open();

    end(type, data);

    expect(err()).toBe(line);
    expect(out()).toBe('');
  });
});

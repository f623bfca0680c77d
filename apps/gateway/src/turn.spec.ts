import { describe, expect, it } from '@jest/globals';
import { Turn } from './turn.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Turn', () => {
  it('runs what was deferred, then what is to happen at the end, once', async () => {
    const seen: string[] = [];
    const { defer, atEnd } = bind(new Turn(() => undefined));
    atEnd(() => seen.push('write'));
    defer(() => {
      seen.push('one');
      atEnd(() => seen.push('write again'));
    });
    defer(() => seen.push('two'));
    expect(seen).toEqual([]);

    await turn();
    await turn();

    expect(seen).toEqual(['one', 'two', 'write', 'write again']);
  });

  it('runs what is deferred meanwhile in the next turn', async () => {
    const seen: string[] = [];
    const { defer } = bind(new Turn(() => undefined));
    defer(() => {
      defer(() => seen.push('later'));
      seen.push('now');
    });

    await turn();
    await turn();

    expect(seen).toEqual(['now', 'later']);
  });

  it('reports what a callback throws and runs the others', async () => {
    const errors: unknown[] = [];
    const seen: string[] = [];
    const { defer } = bind(new Turn((error) => errors.push(error)));
    defer(() => {
      throw new Error('one');
    });
    defer(() => seen.push('two'));

    await turn();

    expect(errors).toEqual([new Error('one')]);
    expect(seen).toEqual(['two']);
  });
});

function bind(subject: Turn) {
  return {
    defer: subject.defer,
    atEnd: (callback: () => void) => {
      subject.atEnd(callback);
    },
  };
}

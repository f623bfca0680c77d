import { describe, expect, it } from '@jest/globals';
import { Outgoing } from './outgoing.js';

describe('Outgoing', () => {
  function create() {
    const sent: string[][] = [];
    const due: (() => void)[] = [];
    const outgoing = new Outgoing<string>(
      (messages) => sent.push(messages),
      (flush) => due.push(flush),
    );
    return { sent, due, outgoing };
  }

  it('sends together what is said in one turn, in its order', () => {
    const { sent, due, outgoing } = create();

    for (const message of ['a', 'b', 'c']) outgoing.push(message);
    expect(sent).toEqual([]);
    due.shift()?.();
    outgoing.push('d');
    due.shift()?.();

    expect(sent).toEqual([['a', 'b', 'c'], ['d']]);
    expect(due).toEqual([]);
  });

  it('sends nothing twice when it was flushed before its time', () => {
    const { sent, due, outgoing } = create();

    outgoing.push('a');
    outgoing.flush();
    due.shift()?.();

    expect(sent).toEqual([['a']]);
  });
});

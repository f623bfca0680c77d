import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { linesView } from './lines-view.js';

function open() {
  const stdout = new PassThrough({ highWaterMark: 10 });
  const view = linesView({ stdout, stderr: new PassThrough() });
  const state = { isWelcome: false };
  const line = view.line({ text: 'longer than ten', message: { type: 'step' } });
  void Promise.resolve(line).then(() => (state.isWelcome = true));
  return { stdout, state };
}

describe('linesView', () => {
  it('takes the next line only when the reader has taken this one', async () => {
    const { stdout, state } = open();

    await turn();
    expect(state.isWelcome).toBe(false);

    expect(String(stdout.read())).toBe('longer than ten\n');
    await turn();
    expect(state.isWelcome).toBe(true);
  });

  it('waits for no reader that has left', async () => {
    const { stdout, state } = open();

    stdout.on('error', () => undefined);
    stdout.destroy(new Error('EPIPE'));
    await turn();

    expect(state.isWelcome).toBe(true);
  });
});

import { expect, it } from '@jest/globals';
import { safeMessage } from './safe-message.js';

it('is text that every transport can carry, also when it was cut inside of a pair', () => {
  const cut = safeMessage(new Error(`${'x'.repeat(499)}😀`));

  expect(cut).toBe(`${'x'.repeat(499)}\ufffd`);
  expect(safeMessage('a\ud800b')).toBe('a\ufffdb');
  expect(() => encodeURI(cut)).not.toThrow();
});

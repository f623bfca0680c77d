import { describe, expect, it } from '@jest/globals';
import { formatTable } from './table.js';

describe('formatTable', () => {
  it('aligns columns by their longest cell and leaves no space at the end', () => {
    expect(
      formatTable(
        ['A', 'LONG', 'C'],
        [
          ['xxx', 'y', ''],
          ['x', 'yyyyy', 'z'],
        ],
      ),
    ).toBe('A    LONG   C\nxxx  y\nx    yyyyy  z\n');
  });
});

import { describe, expect, it } from '@jest/globals';
import { Tensor } from './index.js';
import { concatRows, splitRows } from './tensor-rows.js';

const rows = (...values: number[][]) => ({
  n: new Tensor('int64', BigInt64Array.from(values.flat().map(BigInt)), [values.length, 2]),
  s: new Tensor('string', values.map(String), [values.length]),
});

const shown = (tensors: Readonly<Record<string, Tensor>>) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { dims, data }]) => [
      name,
      [dims, Array.from(data, String)],
    ]),
  );

describe('rows of many inputs', () => {
  const inputs = [rows([1, 2]), rows([3, 4], [5, 6]), rows([7, 8])];

  it('are one tensor, and come apart again as they were', () => {
    const whole = concatRows(inputs);

    expect(shown(whole)).toEqual({
      n: [
        [4, 2],
        ['1', '2', '3', '4', '5', '6', '7', '8'],
      ],
      s: [[4], ['1,2', '3,4', '5,6', '7,8']],
    });
    expect(splitRows(whole, inputs).map(shown)).toEqual(inputs.map(shown));
  });

  it('are left alone when there is one input', () => {
    const [one] = inputs;

    expect(concatRows([one!])).toBe(one);
    expect(splitRows({ total: one!.n }, [one!])).toEqual([{ total: one!.n }]);
  });

  it('are not told apart in an output with another number of rows', () => {
    const total = new Tensor('float32', Float32Array.of(1), [1]);

    expect(() => splitRows({ total }, inputs)).toThrow(/"total" has 1 rows for 4.*"batch": false/);
  });
});

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { rootDir } from './lib/paths.mjs';

const FAULTS = 57;

const read = (file: string): string => readFileSync(path.join(rootDir, file), 'utf8');

/** Rows `| 7 | what happens | file, file |` of docs/testing.md. */
const rows = [...read('docs/testing.md').matchAll(/^\| +(\d+) +\| (.+?) +\| (`.+?`) +\|$/gm)].map(
  ([, number = '', what = '', files = '']) => ({
    number: Number(number),
    what,
    files: [...files.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  }),
);

/** Numbers of the faults whose tests a file holds: their titles begin with the number. */
function numbersIn(file: string): number[] {
  const titles = read(file).matchAll(/\(\s*['"`](\d+(?:, \d+)*)\. /g);
  return [...titles].flatMap(([, numbers = '']) => numbers.match(/\d+/g)?.map(Number) ?? []);
}

describe('docs/testing.md, "What is survived"', () => {
  it('lists every fault once, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(
      Array.from({ length: FAULTS }, (_, index) => index + 1),
    );
  });

  it.each(rows)('names a file with a test for $number: $what', ({ number, files }) => {
    expect(files.length).toBeGreaterThan(0);
    for (const file of files)
      expect({ file, tests: numbersIn(file) }).toMatchObject({
        file,
        tests: expect.arrayContaining([number]),
      });
  });

  it('leaves no numbered test out', () => {
    const folder = 'test/fault';
    const found = readdirSync(path.join(rootDir, folder))
      .filter((file) => file.endsWith('.fault-spec.ts'))
      .flatMap((file) =>
        numbersIn(`${folder}/${file}`).map((number) => `${number} ${folder}/${file}`),
      );
    const listed = rows.flatMap(({ number, files }) => files.map((file) => `${number} ${file}`));

    expect(found.filter((entry) => !listed.includes(entry))).toEqual([]);
  });
});

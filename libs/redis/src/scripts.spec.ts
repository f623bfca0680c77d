import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { SCRIPT_FILES, loadScript } from './scripts.js';

const onDisk = readdirSync(new URL('../lua/', import.meta.url))
  .filter((name) => name.endsWith('.lua'))
  .map((name) => name.slice(0, -'.lua'.length))
  .sort();

describe('the scripts', () => {
  it('are all registered', () => {
    expect(Object.values(SCRIPT_FILES).sort()).toEqual(onDisk);
  });

  it.each(onDisk)(
    '%s says keys, return value and atomicity, and its name counts its keys',
    (file) => {
      const script = loadScript(file);
      const keys = [...(/^-- KEYS {2}(.*)$/m.exec(script)?.[1] ?? '').matchAll(/(\d) /g)];

      expect(Number(file.split('-').at(-1))).toBe(keys.length);
      expect(script).toMatch(/^-- Returns /m);
      expect(script).toMatch(/^-- Atomic: /m);
    },
  );

  it.each(onDisk)('%s has no include left', (file) => {
    expect(loadScript(file)).not.toContain('@include');
  });
});

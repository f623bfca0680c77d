import { describe, expect, it } from '@jest/globals';

import { isRunning, parseProcessRecord, parseStat, recordProcess } from './process-identity.mjs';

const stat = (command: string, state: string) =>
  `42 (${command}) ${state} 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 1`;

describe('parseStat', () => {
  it.each(['node', 'a (b) c', ') R 1'])('reads past the command %j', (command) => {
    expect(parseStat(stat(command, 'S'))).toEqual({ ppid: 7, command, startTime: '98765' });
  });

  it('finds nothing that runs in a zombie, nor in no file', () => {
    expect(parseStat(stat('node', 'Z'))).toBeUndefined();
    expect(parseStat('')).toBeUndefined();
  });
});

describe('isRunning', () => {
  it('knows this process, and no other that had its pid', async () => {
    const record = await recordProcess(process.pid);

    expect(await isRunning(record)).toBe(true);
    expect(await isRunning({ ...record, identity: 'another' })).toBe(false);
  });
});

describe('parseProcessRecord', () => {
  it.each(['', '{', 'null', '7', '{"pid":"1","identity":"2"}', '{"pid":1}'])(
    'refuses %j',
    (text) => {
      expect(parseProcessRecord(text)).toBeUndefined();
    },
  );
});

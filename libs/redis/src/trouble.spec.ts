import { describe, expect, it } from '@jest/globals';
import { ReplyError } from 'ioredis';
import { toStepcastError } from './errors.js';
import { troubleOf } from './trouble.js';

const reply = (message: string): Error => new (ReplyError as ErrorConstructor)(message);

describe('troubleOf', () => {
  it.each([
    [reply("OOM command not allowed when used memory > 'maxmemory'."), 'full'],
    [
      reply(
        "OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:3.",
      ),
      'full',
    ],
    [reply("READONLY You can't write against a read only replica."), 'readonly'],
    [reply('LOADING Redis is loading the dataset in memory'), 'loading'],
    [reply('NOREPLICAS Not enough good replicas to write.'), 'refusing'],
    [new Error('connect ECONNREFUSED 127.0.0.1:1'), 'unreachable'],
    [new Error('no answer within 10000 ms'), 'unreachable'],
  ])('calls "%s" %s', (error, kind) => {
    expect(troubleOf(error)?.kind).toBe(kind);
    expect(troubleOf(toStepcastError(error))?.kind).toBe(kind);
  });

  it('is no trouble of Redis when a command of ours is wrong', () => {
    const error = reply('WRONGTYPE Operation against a key holding the wrong kind of value');

    expect(troubleOf(error)).toBeUndefined();
    expect(troubleOf(toStepcastError(error))).toBeUndefined();
  });
});

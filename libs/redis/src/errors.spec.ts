import { describe, expect, it } from '@jest/globals';
import { StepcastError } from '@stepcast/protocol';
import { ReplyError } from 'ioredis';
import { reach, replyCode, toStepcastError } from './errors.js';

const reply = (message: string): Error => new (ReplyError as ErrorConstructor)(message);

describe('toStepcastError', () => {
  it.each([
    [reply('LOADING Redis is loading the dataset in memory'), 'unavailable'],
    [reply("READONLY You can't write against a read only replica."), 'unavailable'],
    [reply("OOM command not allowed when used memory > 'maxmemory'."), 'unavailable'],
    [new Error('Connection is closed.'), 'unavailable'],
    [reply('WRONGTYPE Operation against a key holding the wrong kind of value'), 'internal'],
    [reply('ERR user_script:7: attempt to index a nil value'), 'internal'],
  ])('makes of "%s" the code %s', (error, code) => {
    const result = toStepcastError(error);

    expect(result).toBeInstanceOf(StepcastError);
    expect(result).toMatchObject({ code, cause: error });
  });
});

describe('replyCode', () => {
  it('is the first word of the reply', () => {
    expect(replyCode('MISCONF Redis is configured to save')).toBe('MISCONF');
    expect(replyCode('')).toBe('');
  });
});

describe('reach', () => {
  it('passes the answer on', async () => {
    await expect(reach(Promise.resolve(7))).resolves.toBe(7);
  });

  it('turns a lost connection into unavailable, which may be tried again', async () => {
    await expect(reach(Promise.reject(new Error('gone')))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { describeConfig } from './config-slice.js';
import { ConfigError, loadConfig, printableConfig } from './load-config.js';
import { httpSlice, platformSlice } from './platform.config.js';

const storeSlice = {
  title: 'Store',
  token: Symbol('Store'),
  schema: z
    .object({
      STORE_URL: z.url().describe('Where the store is.').meta({ example: 'redis://host' }),
      STORE_TOKEN: z.string().min(8, 'at least 8 characters').meta({ secret: true }),
      LOW: z.coerce.number().default(1),
      HIGH: z.coerce.number().default(2),
    })
    .refine((config) => config.LOW < config.HIGH, { path: ['LOW'], error: 'must be below HIGH' }),
};

function problemsOf(env: Record<string, string>): ConfigError {
  try {
    loadConfig([platformSlice, httpSlice, storeSlice], env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error('expected a ConfigError');
}

describe('loadConfig', () => {
  it('fills in the defaults and freezes the result', () => {
    const config = loadConfig([platformSlice, httpSlice], { PORT: '' });

    expect(config).toEqual({
      PORT: 3_000,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'json',
      DRAIN_TIMEOUT_MS: 25_000,
      ALLOWED_ORIGINS: [],
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.ALLOWED_ORIGINS)).toBe(true);
  });

  it('reports every problem of every slice at once, each with its remedy', () => {
    const { problems, message } = problemsOf({
      PORT: 'abc',
      LOG_LEVEL: 'loud',
      ALLOWED_ORIGINS: 'example.com',
      STORE_TOKEN: 'hunter2',
    });

    expect(problems.map(({ variable }) => variable.name)).toEqual([
      'PORT',
      'LOG_LEVEL',
      'ALLOWED_ORIGINS',
      'STORE_URL',
      'STORE_TOKEN',
    ]);
    expect(message).toContain('5 settings need attention');
    expect(message).toContain('PORT=abc');
    expect(message).toContain('STORE_URL is not set');
    expect(message).toContain('meaning:  Where the store is.');
    expect(message).toContain('example:  STORE_URL=redis://host');
  });

  it('never prints a secret, nor the password of a URL that is wrong', () => {
    const { message } = problemsOf({
      STORE_TOKEN: 'hunter2',
      STORE_URL: '//me:pa55word@',
      ALLOWED_ORIGINS: 'http://me:pa55word@host/path',
    });

    expect(message).not.toContain('hunter2');
    expect(message).not.toContain('pa55word');
    expect(message).toContain('STORE_TOKEN=[redacted]');
  });

  it('checks rules between fields', () => {
    const env = { STORE_URL: 'redis://host', STORE_TOKEN: 'long enough', LOW: '3' };

    expect(problemsOf(env).problems).toMatchObject([
      { variable: { name: 'LOW' }, received: '3', expected: 'must be below HIGH' },
    ]);
  });

  it('reads origins as a list', () => {
    const env = { ALLOWED_ORIGINS: 'https://a.example, http://b.example:81' };

    expect(loadConfig([httpSlice], env).ALLOWED_ORIGINS).toEqual([
      'https://a.example',
      'http://b.example:81',
    ]);
  });
});

describe('printableConfig', () => {
  it('redacts secrets and credentials of URLs', () => {
    const config = loadConfig([storeSlice], {
      STORE_URL: 'redis://user:pa55word@host:6379/0',
      STORE_TOKEN: 'long enough',
    });

    expect(printableConfig([storeSlice], config)).toEqual({
      STORE_URL: 'redis://[redacted]@host:6379/0',
      STORE_TOKEN: '[redacted]',
      LOW: 1,
      HIGH: 2,
    });
  });
});

describe('describeConfig', () => {
  it('tells what the docs are made of', () => {
    expect(describeConfig(storeSlice)).toEqual([
      {
        name: 'STORE_URL',
        description: 'Where the store is.',
        example: 'redis://host',
        required: true,
        secret: false,
      },
      { name: 'STORE_TOKEN', description: '', required: true, secret: true },
      { name: 'LOW', description: '', default: '1', required: false, secret: false },
      { name: 'HIGH', description: '', default: '2', required: false, secret: false },
    ]);
  });

  it('describes every variable of its own slices', () => {
    const variables = [platformSlice, httpSlice].flatMap(describeConfig);

    expect(variables.filter(({ description }) => description === '')).toEqual([]);
    expect(variables.find(({ name }) => name === 'ALLOWED_ORIGINS')).toMatchObject({ default: '' });
  });
});

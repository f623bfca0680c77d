import { describe, expect, it } from '@jest/globals';

import { parseRedisUrl } from './ask-redis.mjs';
import { chooseServer } from './redis-binary.mjs';
import { parseServerVersion } from './redis-version.mjs';

const server = (product: string, version: string) => ({
  path: `/usr/bin/${product}`,
  product,
  version,
});

describe('chooseServer', () => {
  it.each([
    ['Redis 7.0', [server('Redis', '7.0.15')], 0],
    ['Redis 10', [server('Redis', '10.0.0')], 0],
    ['Valkey when Redis is too old', [server('Redis', '6.2.1'), server('Valkey', '8.0.1')], 1],
  ])('takes %s', (_name, found, index) => {
    expect(chooseServer(found)).toBe(found[index]);
  });

  it.each([[[]], [[server('Redis', '6.2.1')]]])('stops for %j and says what is needed', (found) => {
    expect(() => chooseServer(found)).toThrow(/Redis 7\.0 or newer.*REDIS_URL=/);
  });
});

describe('parseServerVersion', () => {
  it.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64', 'Redis', '7.0.15'],
    ['Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64', 'Valkey', '8.1.3'],
  ])('reads %s', (output, product, version) => {
    expect(parseServerVersion(output)).toEqual({ product, version });
  });

  it('reads nothing out of another program', () => {
    expect(parseServerVersion('BusyBox v1.36.1')).toBeUndefined();
  });
});

describe('parseRedisUrl', () => {
  it('reads address and credentials, and shows no password', () => {
    expect(parseRedisUrl('rediss://app:p%40ss@redis.example:6380/2')).toEqual({
      host: 'redis.example',
      port: 6380,
      isTls: true,
      auth: ['AUTH', 'app', 'p@ss'],
      shown: 'rediss://redis.example:6380',
    });
  });

  it('takes the usual port, no user and IPv6', () => {
    const target = parseRedisUrl('redis://:secret@[::1]');

    expect(target).toMatchObject({ host: '::1', port: 6379, auth: ['AUTH', 'secret'] });
  });

  it.each(['', 'localhost:6379', 'http://localhost', 'redis://'])('refuses %j', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(/Expected redis:/);
  });
});

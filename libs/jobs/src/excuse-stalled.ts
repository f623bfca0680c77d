import type { Redis } from 'ioredis';

/**
 * Longer than it takes every worker to be back after Redis is (queue-connection.ts), and to renew its
 * locks then.
 */
const EXCUSE_MS = 5_000;

/** Excuses in a row without a look between them: then a look is made, whatever happens to the connection. */
const MAX_EXCUSES = 3;

/** Longer than any absence of Redis that somebody waits for. */
const MEMORY_MS = 24 * 3_600_000;

/**
 * KEYS  1 mark of a recent look (BullMQ's)  2 what is remembered of looks
 * ARGV  1 whether the caller has looked before  2 silence that means an absence (ms)
 *       3 lifetime of an excuse (ms)  4 excuses in a row at most  5 lifetime of the memory (ms)
 * Returns 1 if the look that follows is excused.
 * Atomic: of all workers that come back, the first one excuses, and the others see that somebody looks.
 * A caller that has never looked cannot tell an absence of Redis from that of all workers; a server that
 * began after the last look can.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local memory = redis.call('HMGET', KEYS[2], 'at', 'excuses')
local silence = now - (tonumber(memory[1]) or 0)
local uptime = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)')) * 1000
local was_away = ARGV[1] == '1' or (memory[1] and uptime < silence)
redis.call('HSET', KEYS[2], 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[2], ARGV[5])
if was_away and silence >= tonumber(ARGV[2]) and (tonumber(memory[2]) or 0) < tonumber(ARGV[4]) then
  redis.call('HINCRBY', KEYS[2], 'excuses', 1)
  redis.call('SET', KEYS[1], 'excused', 'PX', ARGV[3])
  return 1
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('HDEL', KEYS[2], 'excuses') end
return 0`;

export interface StalledExcuse {
  /** The `prefix` of the queues. */
  readonly prefix: string;
  readonly queue: string;
  /** Whether this process has looked for stalled jobs before: for one that has just started nobody was away. */
  readonly hasLooked: boolean;
  /** How often a worker looks. When nobody has for three times as long, Redis was away for everybody. */
  readonly intervalMs: number;
}

/**
 * Send it right before each look for stalled jobs, on the same connection. While Redis was away nobody
 * could renew a lock, and the first look would take the jobs of all workers for stalled. So it is excused,
 * and so are all others for 5 s: BullMQ makes no look while the mark of a recent one is there.
 *
 * The silence is measured in Redis, and at the moment of the look. So a look that waited in a frozen Redis,
 * or is sent again after a reconnect, is excused as well; and a worker that merely flaps excuses nobody
 * while others look.
 */
export async function excuseStalled(connection: Redis, excuse: StalledExcuse): Promise<boolean> {
  const { prefix, queue, hasLooked, intervalMs } = excuse;
  const keys = [`${prefix}:${queue}:stalled-check`, `${prefix}:${queue}:looks`];
  const limits = [3 * intervalMs, EXCUSE_MS, MAX_EXCUSES, MEMORY_MS];
  const answer = await connection.eval(SCRIPT, keys.length, ...keys, hasLooked ? 1 : 0, ...limits);
  return answer === 1;
}

// Harm that Redis, or the way to it, can come to.
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Redis } from 'ioredis';

import type { TcpProxy } from './tcp-proxy.js';
import { waitFor } from './wait.js';

/** The end of what Redis has written is lost, as it is when a machine loses power. */
export async function loseTail(dataDir: string, bytes: number): Promise<void> {
  const folder = path.join(dataDir, 'appendonlydir');
  const name = (await readdir(folder)).find((each) => each.endsWith('.incr.aof'));
  const file = await open(path.join(folder, name ?? ''), 'r+');
  const { size } = await file.stat();
  await file.truncate(size - bytes);
  await file.close();
}

/** Sends a subscriber that does not read more than Redis keeps for it; what it could not read means nothing. */
export async function overflow(client: Redis, channel: string): Promise<void> {
  const subscribers = async (): Promise<number> =>
    String(await client.client('LIST', 'TYPE', 'PUBSUB')).split('\n').length;
  const before = await subscribers();
  const block = 'x'.repeat(65_536);
  // The kernel takes some megabytes before Redis has to keep any.
  await waitFor(async () => {
    const blocks = Array.from({ length: 16 }, () => client.publish(channel, block));
    await Promise.all(blocks);
    return (await subscribers()) < before;
  }, 20_000);
}

/** A subscriber connection through the proxy hears nothing from now on; one that is made later does. */
export function halfOpen(proxy: TcpProxy): void {
  let isDeaf = true;
  proxy.judgeReplies((frame) => {
    const text = frame.subarray(0, 32).toString('latin1');
    if (text.includes('\r\nsubscribe\r\n')) isDeaf = false;
    return isDeaf && text.includes('\r\nmessage\r\n') ? 'drop' : 'pass';
  });
}

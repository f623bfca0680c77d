// What an answer of Redis to a gateway is about, for a proxy that judges them.

/** An answer of pub/sub: `subscribe` and `unsubscribe` confirm, `message` brings events; of one job or of any. */
export function isReply(
  frame: Buffer,
  kind: 'subscribe' | 'unsubscribe' | 'message',
  job = '',
): boolean {
  const head = frame.toString('latin1', 0, 200);
  // RESP3 pushes them; RESP2 answers with arrays.
  const isPushed = /^[>*]3\r\n/.test(head) && head.startsWith(`$${kind.length}\r\n${kind}\r\n`, 4);
  return isPushed && head.includes(job === '' ? ':feed\r\n' : `{${job}}:feed\r\n`);
}

/** The page of some log that lua/read-3.lua returns: `{{record}, first seq, snapshot, {events}}`. */
export function isReadReply(frame: Buffer): boolean {
  return frame.toString('latin1', 0, 5) === '*4\r\n*';
}

export interface FeedMessage {
  readonly epoch: string;
  /** Of its first event. */
  readonly seq: number;
  readonly types: readonly string[];
}

/** The events that a message brings; undefined for any other answer. */
export function feedMessage(frame: Buffer, job: string): FeedMessage | undefined {
  if (!isReply(frame, 'message', job)) return undefined;
  const header = /\r\n1 (\w+) (\d+) ([\w,-]+)\n/.exec(frame.toString('latin1'));
  if (header === null) return undefined;
  const [, epoch = '', seq, types = ''] = header;
  return { epoch, seq: Number(seq), types: types.split(',') };
}

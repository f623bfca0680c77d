// One connection of a watcher: WebSocket or SSE, as the protocol has them.
import http from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';

import type { JobState } from '@stepcast/hub';
import { isTerminalType } from '@stepcast/protocol';

/** Messages of one connection, whatever the transport. */
export interface Sink {
  /** `id` where the transport names the position of each event. */
  readonly event: (text: string, id?: string) => void;
  readonly reset: (reason: string) => void;
  readonly snapshot: (position: string, state: JobState) => void;
  readonly began: (position: string) => void;
  /** The hub does not know the job (any more). */
  readonly gone: (how: string) => void;
  /** The hub sends the connection away: it should come back after `retryMs`. */
  readonly away?: (retryMs: number) => void;
  /** The connection has ended; `isOver` when it says that the job has. */
  readonly closed: (isOver: boolean) => void;
}

export interface Connection {
  /** Says goodbye, as a closed tab does. */
  close(): void;
  /** Stops or goes on reading its socket. */
  pause(isPaused: boolean): void;
}

export interface Where {
  readonly gateway: string;
  readonly job: string;
  readonly hold: boolean;
  readonly from: string;
}

/** @param ws a connection that is open already */
export function openWs(
  { gateway, job, hold, from }: Where,
  sink: Sink,
  ws = dial(gateway),
): Connection {
  const subscribe = (): void => {
    ws.send(JSON.stringify({ op: 'subscribe', id: 1, job, from, hold }));
  };
  if (ws.readyState === WebSocket.OPEN) subscribe();
  else ws.on('open', subscribe);
  ws.on('message', (data: Buffer) => {
    if (takeMessage(data.toString(), sink)) ws.close();
  });
  ws.on('error', () => undefined);
  ws.on('close', () => {
    sink.closed(false);
  });
  return wsConnection(ws);
}

/** What a watcher may do with a WebSocket. */
export function wsConnection(ws: WebSocket): Connection {
  return {
    close: () => {
      ws.close();
    },
    pause: (isPaused) => {
      if (isPaused) ws.pause();
      else ws.resume();
    },
  };
}

/** Opens a WebSocket of the hub. */
export function dial(gateway: string): WebSocket {
  return new WebSocket(`${gateway.replace('http', 'ws')}/v1/ws`, 'stepcast.v1.json');
}

/** @param socket a connection that is open already */
export function openSse(
  { gateway, job, hold, from }: Where,
  sink: Sink,
  socket?: Socket,
): Connection {
  const request = http.request(`${gateway}/v1/jobs/${job}/events?hold=${hold}&from=${from}`, {
    ...(socket === undefined ? { agent: false } : { createConnection: () => socket }),
    headers: { accept: 'text/event-stream' },
  });
  let stream: http.IncomingMessage | undefined;
  request.on('response', (response) => {
    stream = response;
    const { statusCode } = response;
    if (statusCode === 404 || statusCode === 410) sink.gone(String(statusCode));
    readBlocks(response, sink);
  });
  request.on('error', () => {
    sink.closed(false);
  });
  request.end();
  return {
    close: () => request.destroy(),
    pause: (isPaused) => {
      if (isPaused) stream?.pause();
      else stream?.resume();
    },
  };
}

/** Hands the blocks of an SSE stream to the sink, and says when it has ended. */
export function readBlocks(response: http.IncomingMessage, sink: Sink): void {
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) takeBlock(block, sink);
  });
  response.on('error', () => undefined);
  response.on('close', () => {
    sink.closed(response.statusCode === 204);
  });
}

/** Hands a block of an SSE stream to the sink. */
function takeBlock(block: string, sink: Sink): void {
  const fields = new Map(
    block.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const;
    }),
  );
  const id = fields.get('id');
  const data = fields.get('data');
  const type = fields.get('event');
  if (data === undefined || data === '') {
    const retry = fields.get('retry');
    if (id !== undefined) sink.began(id);
    else if (retry !== undefined) sink.away?.(Number(retry));
  } else if (type === 'reset') {
    sink.reset((JSON.parse(data) as { reason: string }).reason);
  } else if (type === 'snapshot' && !('seq' in (JSON.parse(data) as object))) {
    const message = JSON.parse(data) as { position: string; state: JobState };
    sink.snapshot(message.position, message.state);
  } else {
    // An SSE event without an id leaves the cursor where it is: then it would be sent again.
    sink.event(data, id ?? 'missing');
  }
}

interface Message {
  readonly op: string;
  readonly type?: string;
  readonly reason?: string;
  readonly position?: string;
  readonly state?: JobState;
  readonly code?: string;
  readonly retryMs?: number;
}

/** True when nothing follows on this connection, or nothing that it could be used for. */
export function takeMessage(text: string, sink: Sink): boolean {
  const message = JSON.parse(text) as Message;
  switch (message.op) {
    case 'event':
      sink.event(text.replace('"op":"event",', ''));
      return isTerminalType(message.type ?? '');
    case 'ok':
      sink.began(message.position ?? '');
      return false;
    case 'snapshot':
      return takeSnapshot(message, sink);
    case 'error':
      if (message.code === 'job_not_found' || message.code === 'job_gone') sink.gone(message.code);
      return true;
    default:
      takeNotice(message, sink);
      return false;
  }
}

function takeNotice({ op, reason = '', retryMs = 0 }: Message, sink: Sink): void {
  if (op === 'reset') sink.reset(reason);
  else if (op === 'goaway') sink.away?.(retryMs);
}

function takeSnapshot({ position = '', state }: Message, sink: Sink): boolean {
  if (state === undefined) return false;
  sink.snapshot(position, state);
  return state.end !== undefined;
}

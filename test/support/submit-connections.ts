// Connections that submit a job and stream it in the same breath.
import http from 'node:http';

import {
  dial,
  readBlocks,
  takeMessage,
  wsConnection,
  type Connection,
  type Sink,
} from './watch-connections.js';

export interface Submission {
  readonly model: string;
  readonly input: object;
  readonly options: object;
  /** So that it may be sent again when nobody answered. */
  readonly idempotencyKey: string;
}

/** A job that was accepted. */
export interface Accepted {
  readonly job: string;
  /** Hands what the connection brings to a viewer; to be called at once. */
  readonly open?: (sink: Sink) => Connection;
}

/** Submits; fails when there is no answer in time, or one that is not `ok`. */
export function submitOverWs(
  gateway: string,
  submission: Submission,
  deadlineMs: number,
): Promise<Accepted> {
  return new Promise((resolve, reject) => {
    const ws = dial(gateway);
    const early: string[] = [];
    let isClosed = false;
    let take: ((text: string) => void) | undefined;
    let close: (() => void) | undefined;
    const timer = setTimeout(() => {
      ws.terminate();
    }, deadlineMs);
    const open = (sink: Sink): Connection => {
      take = (text) => {
        if (takeMessage(text, sink)) ws.close();
      };
      close = () => {
        sink.closed(false);
      };
      early.splice(0).forEach(take);
      if (isClosed) setImmediate(close);
      return wsConnection(ws);
    };

    ws.on('open', () => {
      ws.send(JSON.stringify({ op: 'submit', id: 1, ...submission }));
    });
    ws.on('message', (data: Buffer) => {
      const text = data.toString();
      if (take !== undefined) {
        take(text);
        return;
      }
      early.push(text);
      const { id, op, job } = JSON.parse(text) as { id?: number; op: string; job?: string };
      if (id !== 1) return;
      clearTimeout(timer);
      if (op === 'ok' && job !== undefined) resolve({ job, open });
      else ws.close();
    });
    ws.on('error', () => undefined);
    ws.on('close', () => {
      isClosed = true;
      clearTimeout(timer);
      close?.();
      reject(new Error(`not submitted: ${early.at(-1) ?? 'no answer'}`));
    });
  });
}

/** Submits by `POST …/stream`; fails as {@link submitOverWs} does. */
export function submitOverStream(
  gateway: string,
  { model, input, options, idempotencyKey }: Submission,
  deadlineMs: number,
): Promise<Accepted> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${gateway}/v1/models/${model}/stream`, {
      agent: false,
      method: 'POST',
      headers: {
        accept: 'text/event-stream',
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
        'stepcast-options': JSON.stringify(options),
      },
    });
    const timer = setTimeout(() => {
      request.destroy(new Error(`not submitted in ${deadlineMs} ms`));
    }, deadlineMs);
    request.on('response', (response) => {
      clearTimeout(timer);
      const job = response.headers['stepcast-job'];
      if (response.statusCode === 200 && typeof job === 'string') {
        resolve({ job, open: (sink) => readStream(request, response, sink) });
      } else {
        request.destroy();
        reject(new Error(`not submitted: ${String(response.statusCode)}`));
      }
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(JSON.stringify(input));
  });
}

function readStream(
  request: http.ClientRequest,
  response: http.IncomingMessage,
  sink: Sink,
): Connection {
  readBlocks(response, sink);
  if (response.closed) {
    setImmediate(() => {
      sink.closed(false);
    });
  }
  return {
    close: () => request.destroy(),
    pause: (isPaused) => {
      if (isPaused) response.pause();
      else response.resume();
    },
  };
}

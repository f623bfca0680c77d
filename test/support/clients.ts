// Small clients that speak the public protocol and record what they saw.
import { once } from 'node:events';
import http from 'node:http';

import { WebSocket } from 'ws';

import { within } from './wait.js';

/** An event as it was received. */
export interface SeenEvent {
  readonly seq: number;
  readonly attempt: number;
  readonly type: string;
  readonly at: number;
  readonly data: Record<string, unknown>;
}

export interface JobView {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly position: string;
  readonly [field: string]: unknown;
}

const TERMINAL = ['completed', 'failed', 'cancelled'];

/** Calls an address and reads its JSON. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller names the shape
export async function call<T = Record<string, unknown>>(
  url: string,
  init: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; body: T }> {
  const response = await fetch(url, {
    method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
    headers: { 'content-type': 'application/json', ...init.headers },
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? undefined : JSON.parse(text)) as T,
  };
}

/** Submits a job over REST. */
export async function submit(
  api: string,
  model: string,
  input: object,
  options: object = {},
): Promise<JobView> {
  const { status, body } = await call<JobView>(`${api}/v1/jobs`, {
    body: { model, input, options },
  });
  if (status !== 202) throw new Error(`submit answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** What a reader of a stream saw: raw bytes of each event, and the last SSE id. */
export class StreamRecord {
  /** The exact JSON text of every event, in order. */
  readonly texts: string[] = [];
  lastId = '';
  readonly #parsed: SeenEvent[] = [];
  #waiting: (() => void)[] = [];
  isClosed = false;

  /** Each is parsed once: whoever waits looks again at every event, beside what is measured. */
  get events(): SeenEvent[] {
    const fresh = this.texts.slice(this.#parsed.length);
    this.#parsed.push(...fresh.map((text) => JSON.parse(text) as SeenEvent));
    return [...this.#parsed];
  }

  get last(): SeenEvent | undefined {
    return this.events.at(-1);
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }

  add(text: string): void {
    this.texts.push(text);
    this.changed();
  }

  close(): void {
    this.isClosed = true;
    this.changed();
  }

  changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Waits until what was seen fits; fails with what was seen when it does not in time. */
  async until(
    fits: (events: readonly SeenEvent[]) => boolean,
    deadlineMs = 20_000,
  ): Promise<SeenEvent[]> {
    const end = Date.now() + deadlineMs;
    while (!fits(this.events)) {
      const change = new Promise<void>((resolve) => this.#waiting.push(resolve));
      const seen = () => JSON.stringify(this.types());
      await within(change, Math.max(1, end - Date.now()), 'events').catch(() => {
        throw new Error(`not within ${deadlineMs} ms; saw ${seen()}`);
      });
    }
    return this.events;
  }

  /** Waits for the terminal event. */
  ended(deadlineMs = 60_000): Promise<SeenEvent[]> {
    return this.until((events) => TERMINAL.includes(events.at(-1)?.type ?? ''), deadlineMs);
  }
}

/** A WebSocket that keeps its messages by job. */
export class WsClient {
  readonly replies = new Map<unknown, Record<string, unknown>>();
  readonly messages: Record<string, unknown>[] = [];
  readonly ws: WebSocket;
  readonly #records = new Map<string, StreamRecord>();
  readonly #changed = new StreamRecord();
  #nextId = 1;
  closeCode: number | undefined;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer) => {
      this.#receive(data.toString());
    });
    ws.on('close', (code) => {
      this.closeCode = code;
      for (const record of this.#records.values()) record.close();
      this.#changed.changed();
    });
    ws.on('error', () => undefined);
  }

  static async connect(gateway: string, headers: Record<string, string> = {}): Promise<WsClient> {
    const ws = new WebSocket(`${gateway.replace('http', 'ws')}/v1/ws`, 'stepcast.v1.json', {
      headers,
    });
    const client = new WsClient(ws);
    await within(once(ws, 'open'), 10_000, 'the WebSocket to open');
    return client;
  }

  record(job: string): StreamRecord {
    const record = this.#records.get(job) ?? new StreamRecord();
    this.#records.set(job, record);
    return record;
  }

  /** Sends a command and waits for its `ok` or `error`. */
  async command(op: string, fields: object = {}): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    this.ws.send(JSON.stringify({ op, id, ...fields }));
    return this.reply(id);
  }

  async reply(id: unknown): Promise<Record<string, unknown>> {
    await this.waitFor(() => this.replies.has(id));
    return this.replies.get(id) ?? {};
  }

  async waitFor(fits: () => boolean, deadlineMs = 10_000): Promise<void> {
    await this.#changed.until(fits, deadlineMs);
  }

  async submit(model: string, input: object, options: object = {}): Promise<string> {
    const reply = await this.command('submit', { model, input, options });
    if (typeof reply['job'] !== 'string') throw new Error(JSON.stringify(reply));
    return reply['job'];
  }

  async close(): Promise<void> {
    if (this.ws.readyState === WebSocket.CLOSED) return;
    this.ws.close();
    await once(this.ws, 'close');
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as Record<string, unknown>;
    if (message['op'] === 'event') {
      this.record(String(message['job'])).add(text.replace('"op":"event",', ''));
    } else {
      this.messages.push(message);
      if ('id' in message) this.replies.set(message['id'], message);
      this.#changed.changed();
    }
  }
}

/** An open SSE or NDJSON response. */
export interface OpenStream {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly record: StreamRecord;
  /** Ends the connection from this side. */
  readonly cut: () => void;
}

/** Opens a stream with a connection of its own, so that cutting it is seen by the hub at once. */
export async function openStream(
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<OpenStream> {
  const request = http.request(url, {
    agent: false,
    method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
    headers: { accept: 'text/event-stream', 'content-type': 'application/json', ...init.headers },
  });
  request.end(init.body === undefined ? undefined : JSON.stringify(init.body));
  const [response] = (await within(once(request, 'response'), 10_000, url)) as [
    http.IncomingMessage,
  ];
  request.on('error', () => undefined);
  const record = new StreamRecord();
  const isNdjson = response.headers['content-type']?.includes('ndjson') ?? false;
  const take = isNdjson ? takeLine : takeBlock;
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const parts = (rest + text).split(isNdjson ? '\n' : '\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) take(part, record);
  });
  response.on('close', () => {
    record.close();
  });
  response.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    record,
    cut: () => request.destroy(),
  };
}

function takeLine(line: string, record: StreamRecord): void {
  if (line !== '') record.add(line);
}

function takeBlock(block: string, record: StreamRecord): void {
  const field = (name: string): string | undefined =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const id = field('id');
  if (id !== undefined) record.lastId = id;
  const data = field('data');
  if (data !== undefined && data !== '') record.add(data);
}

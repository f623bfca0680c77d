/**
 * The events of a job as lines, across connections that break (docs/protocol.md §2, §4).
 *
 * - S1 Every event once, in order: a new connection begins behind the newest line that was given.
 * - S2 It ends behind the terminal event, or with an error; never in between.
 * - S3 A connection that says nothing for three heartbeats counts as broken. Only a wait for the hub counts: whoever
 *   takes the lines may take their time.
 * - S4 It gives up when nothing was heard, not even a heartbeat, for a minute from the first failure on.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { encodePosition, isTerminalType, parsePosition, type JobEvent } from '@stepcast/protocol';
import { CliError } from '../cli-error.js';
import { UnreachableError, isPassing, type HubClient } from '../hub-client.js';

/** One line of the stream: an event, or `reset` or `snapshot`. */
export interface StreamLine {
  /** As the hub sent it, without the line break. */
  readonly text: string;
  readonly message: StreamMessage;
}

export interface StreamMessage {
  readonly type: string;
  /** Only of events. */
  readonly seq?: number;
  readonly attempt?: number;
  readonly data?: unknown;
  /** Only of a snapshot that stands for all events up to here. */
  readonly position?: string;
  readonly state?: { readonly end?: JobEvent; readonly events?: Readonly<Record<string, unknown>> };
}

export interface JobStreamOptions {
  readonly job: string;
  /** Where the job stood when it was submitted; says which life of the log it is. */
  readonly position: string;
  /** Told when a connection broke and another one is tried. */
  readonly onBreak: (reason: string) => void;
  /** How long to try without hearing anything, in milliseconds; default one minute. */
  readonly patienceMs?: number;
  /** How long a connection may say nothing, in milliseconds; default three of the hub's heartbeats. */
  readonly silenceMs?: number;
}

/** Three of the hub's heartbeats, in milliseconds. */
const SILENCE_MS = 45_000;
const PATIENCE_MS = 60_000;
const MAX_PAUSE_MS = 5_000;

export async function* followJob(
  hub: HubClient,
  { job, position, onBreak, patienceMs = PATIENCE_MS, silenceMs = SILENCE_MS }: JobStreamOptions,
): AsyncGenerator<StreamLine, JobEvent, undefined> {
  let place: Place = { epoch: parsePosition(position).epoch, from: 'start' };
  const failures = new Failures();
  const onHeard = (): void => {
    failures.end();
  };
  for (;;) {
    try {
      const path = `/v1/jobs/${job}/events?from=${place.from}`;
      for await (const line of readLines(hub, path, { silenceMs, onHeard })) {
        place = behind(place, line.message);
        yield line;
        const end = endOf(line.message);
        if (end !== undefined) return end;
      }
      onBreak('the stream ended early');
    } catch (error) {
      if (!isPassing(error)) throw error;
      onBreak(error.message);
    }
    failures.add();
    if (failures.ms > patienceMs) {
      throw new CliError(
        `The hub was not heard for ${Math.round(patienceMs / 1000)} s. Look later: curl ${hub.url}/v1/jobs/${job}`,
      );
    }
    await wait(failures.pauseMs);
  }
}

/** Connections that failed one behind the other, without a sign of the hub in between. */
class Failures {
  #count = 0;
  #firstAt = 0;

  add(): void {
    if (this.#count === 0) this.#firstAt = performance.now();
    this.#count += 1;
  }

  end(): void {
    this.#count = 0;
  }

  /** Since the first of them. */
  get ms(): number {
    return performance.now() - this.#firstAt;
  }

  /** Before the next try, in milliseconds. */
  get pauseMs(): number {
    const pause = Math.min(250 * 2 ** (this.#count - 1), MAX_PAUSE_MS);
    return pause * (0.5 + Math.random() / 2);
  }
}

/** Up to where the job was seen. */
interface Place {
  readonly epoch: string;
  readonly from: string;
}

function behind({ epoch, from }: Place, { seq, position }: StreamMessage): Place {
  if (position !== undefined) return { epoch: parsePosition(position).epoch, from: position };
  return { epoch, from: seq === undefined ? from : encodePosition({ epoch, seq }) };
}

function endOf(message: StreamMessage): JobEvent | undefined {
  return isTerminalType(message.type) ? (message as JobEvent) : message.state?.end;
}

interface Hearing {
  readonly silenceMs: number;
  /** Called for whatever comes, also for heartbeats. */
  readonly onHeard: () => void;
}

/** The lines of one connection, without heartbeats. */
async function* readLines(
  hub: HubClient,
  path: string,
  { silenceMs, onHeard }: Hearing,
): AsyncGenerator<StreamLine> {
  const connection = new AbortController();
  const untilSilence = async <Result>(answer: Promise<Result>): Promise<Result> => {
    const timer = setTimeout(() => {
      connection.abort();
    }, silenceMs);
    return answer.finally(() => {
      clearTimeout(timer);
    });
  };
  const headers = { accept: 'application/x-ndjson' };
  try {
    const { body } = await untilSilence(hub.open(path, { headers, signal: connection.signal }));
    const reader = body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
    if (reader === undefined) return;
    const chunks = readChunks(() => untilSilence(reader.read()));
    for await (const text of splitLines(chunks, onHeard)) {
      yield { text, message: parseMessage(hub, text) };
    }
  } finally {
    // A reader that stopped early must not keep the connection, which holds the job.
    connection.abort();
  }
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>;

async function* readChunks(read: () => Promise<Read>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = await read().catch((cause: unknown) => {
      throw new UnreachableError('the connection broke', { cause });
    });
    if (chunk.done) return;
    yield chunk.value;
  }
}

/** Whole lines; what a break cuts in two is dropped, because it comes again. */
async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  onChunk: () => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    onChunk();
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}

function parseMessage(hub: HubClient, text: string): StreamMessage {
  try {
    const message = JSON.parse(text) as StreamMessage | null;
    if (typeof message?.type === 'string') return message;
  } catch {
    // Said below.
  }
  throw new CliError(`${hub.url} does not send events as a Stepcast hub does.`);
}

/**
 * The events of a job as lines, across connections that break (docs/protocol.md §2, §4).
 *
 * - S1 Every event once, in order: a new connection begins behind the newest line that was given.
 * - S2 It ends behind the terminal event, or with an error; never in between.
 * - S3 A connection that says nothing for three heartbeats counts as broken.
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
}

/** Three of the hub's heartbeats, in milliseconds. */
const SILENCE_MS = 45_000;
const PATIENCE_MS = 60_000;
const MAX_PAUSE_MS = 5_000;

export async function* followJob(
  hub: HubClient,
  { job, position, onBreak, patienceMs = PATIENCE_MS }: JobStreamOptions,
): AsyncGenerator<StreamLine, JobEvent, undefined> {
  let place: Place = { epoch: parsePosition(position).epoch, from: 'start' };
  let heardAt = performance.now();
  for (let failures = 0; ; failures++) {
    const pause = Math.min(250 * 2 ** (failures - 1), MAX_PAUSE_MS);
    if (failures > 0) await wait(pause * (0.5 + Math.random() / 2));
    try {
      for await (const line of readLines(hub, `/v1/jobs/${job}/events?from=${place.from}`)) {
        heardAt = performance.now();
        failures = 0;
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
    if (performance.now() - heardAt > patienceMs) {
      throw new CliError(
        `The hub was not heard for ${Math.round(patienceMs / 1000)} s. Look later: curl ${hub.url}/v1/jobs/${job}`,
      );
    }
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

/** The lines of one connection, without heartbeats. */
async function* readLines(hub: HubClient, path: string): AsyncGenerator<StreamLine> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort();
  }, SILENCE_MS);
  const headers = { accept: 'application/x-ndjson' };
  try {
    const response = await hub.open(path, { headers, signal: silence.signal });
    for await (const text of splitLines(response, () => timer.refresh())) {
      yield { text, message: JSON.parse(text) as StreamMessage };
    }
  } finally {
    clearTimeout(timer);
    // A reader that stopped early must not keep the connection, which holds the job.
    silence.abort();
  }
}

/** Whole lines; what a break cuts in two is dropped, because it comes again. */
async function* splitLines(response: Response, onChunk: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (;;) {
    const chunk = await reader.read().catch((cause: unknown) => {
      throw new UnreachableError('the connection broke', { cause });
    });
    if (chunk.done) return;
    onChunk();
    const lines = (rest + decoder.decode(chunk.value as Uint8Array, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}

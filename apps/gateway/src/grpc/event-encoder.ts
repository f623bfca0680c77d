import type { Encoder, JobState, LogEntry } from '@stepcast/hub';
import {
  toProto,
  toStructObject,
  toWellFormed,
  type ProtoModel,
  type ProtoObject,
} from '@stepcast/models';
import { encodePosition, parseFrom, type JobEvent, type SnapshotMessage } from '@stepcast/protocol';
import { encodeFrames, type Frame } from './frames.js';
import type { GrpcApi } from './grpc-api.js';

/** How the events of one model become the messages of one method, for all calls that share a job. */
export interface MethodEncoder {
  /** The messages of an event; none when the method does not show it. */
  event(event: JobEvent): Uint8Array[];
  reset(job: string, reason: string): Uint8Array[];
  snapshot(message: SnapshotMessage): Uint8Array[];
}

/** The encoder of a method, as the hub uses it. */
export function createEncoder(method: MethodEncoder): Encoder {
  const framesOf = (event: JobEvent): Frame[] =>
    event.type === 'failed' || event.type === 'cancelled'
      ? [{ kind: 'end', payload: Buffer.from(JSON.stringify(event)) }]
      : messages(method.event(event));
  return {
    events: (epoch, entries) => {
      const frames = entries.flatMap((entry) => framesOf(parse(entry)));
      const seq = entries.at(-1)?.seq ?? 0;
      return encodeFrames([...frames, position(encodePosition({ epoch, seq }))]);
    },
    reset: ({ job, reason }) => encodeFrames(messages(method.reset(job, reason))),
    snapshot: (message) => {
      const { end } = message.state as JobState;
      // A job that has ended inside its snapshot ends the call, too.
      const last = end === undefined ? [] : framesOf(end);
      const frames = [...messages(method.snapshot(message)), ...last];
      return encodeFrames([...frames, position(message.position)]);
    },
  };
}

const parse = ({ json }: LogEntry): JobEvent => JSON.parse(json) as JobEvent;

const messages = (payloads: readonly Uint8Array[]): Frame[] =>
  payloads.map((payload) => ({ kind: 'message', payload }));

const position = (text: string): Frame => ({ kind: 'position', payload: Buffer.from(text) });

/** Only the output: one message, at the end. */
export function outputEncoder(api: GrpcApi, model: ProtoModel): MethodEncoder {
  return {
    event: (event) => {
      if (event.type !== 'completed') return [];
      const { output } = event.data as { output: unknown };
      return [api.encode(model.response.of.fullName, toProto(model.response, output))];
    },
    reset: () => [],
    snapshot: () => [],
  };
}

/** Every event. */
export function eventEncoder(api: GrpcApi, model: ProtoModel): MethodEncoder {
  const { event: message } = model;
  if (message === undefined) throw new TypeError(`the model "${model.name}" does not stream`);
  const fields = new Map(message.fields.map((field) => [field.type, field]));

  const dataOf = ({ type, data }: JobEvent): ProtoObject => {
    const field = fields.get(type);
    if (field !== undefined) return { [field.name]: toProto(field.data, data) };
    return reserved(model, type, data as Record<string, unknown>);
  };
  const encode = (object: ProtoObject): Uint8Array[] => [api.encode(message.name, object)];
  return {
    event: (event) => {
      const { job, seq, attempt, at, type } = event;
      return encode({ job, seq, attempt, at_ms: at, type, ...dataOf(event) });
    },
    reset: (job, reason) => encode({ job, type: 'reset', reset: { reason } }),
    snapshot: ({ job, position: text, attempt, status, state }) => {
      const from = parseFrom(text);
      const seq = typeof from === 'object' ? from.seq : 0;
      const snapshot = { status, state: toStructObject(state as object) };
      return encode({ job, seq, attempt, type: 'snapshot', snapshot });
    },
  };
}

/** `data` of the hub's own types; of a type that is not known here, nothing. */
function reserved(model: ProtoModel, type: string, data: Record<string, unknown>): ProtoObject {
  switch (type) {
    case 'queued':
    case 'started':
    case 'log':
      return { [type]: wellFormed(data) };
    case 'attempt':
      return { new_attempt: { ...wellFormed(data), from_seq: data['fromSeq'] } };
    case 'snapshot':
      return { snapshot: { status: data['status'], state: toStructObject(data) } };
    case 'completed': {
      const { queuedMs, runMs } = data['metrics'] as Record<string, unknown>;
      const output = toProto(model.response, data['output']);
      return { completed: { output, queued_ms: queuedMs, run_ms: runMs } };
    }
    default:
      return {};
  }
}

/** Its texts with what UTF-8 can carry: a log line is what a model says. */
function wellFormed(data: Record<string, unknown>): ProtoObject {
  return Object.fromEntries(
    Object.entries(data).map(([key, item]) => [
      key,
      typeof item === 'string' ? toWellFormed(item) : item,
    ]),
  );
}

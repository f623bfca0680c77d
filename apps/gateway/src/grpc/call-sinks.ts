import { type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { StepcastError } from '@stepcast/protocol';
import type { Turn } from '../turn.js';
import { CallOutlet } from './call-outlet.js';
import { statusOfError, toServiceError } from './call-status.js';
import type { CallSink } from './grpc-call.js';

/** Requests and responses pass grpc-js as bytes: they are read, and shared, by us. */
export type StreamingCall = ServerWritableStream<Buffer, Uint8Array>;
export type UnaryCall = ServerUnaryCall<Buffer, Uint8Array>;

/** A call that gets every event. */
export function streamingSink(call: StreamingCall, turn: Turn, onDrain: () => void): CallSink {
  const outlet = new CallOutlet(
    (message, taken) => {
      call.write(message, taken);
    },
    turn,
    onDrain,
  );
  return {
    get unsentBytes() {
      return outlet.unsentBytes;
    },
    get refusedBytes() {
      return outlet.refusedBytes;
    },
    message: (message) => {
      outlet.write(message);
    },
    end: (status, trailers) => {
      outlet.flush();
      if (status === undefined) call.end(trailers);
      else call.emit('error', toServiceError({ ...status, metadata: trailers }));
    },
    stalledMs: (now) => outlet.stalledMs(now),
    detach: () => {
      outlet.detach();
    },
  };
}

/** A call that gets the output alone. */
export function unarySink(callback: sendUnaryData<Uint8Array>): CallSink {
  let output: Uint8Array | undefined;
  return {
    unsentBytes: 0,
    refusedBytes: 0,
    message: (message) => {
      output = message;
    },
    end: (status, trailers) => {
      if (status === undefined && output !== undefined) {
        callback(null, output, trailers);
        return;
      }
      // An end without an output: the log was lost, and the job is known to have ended.
      const fault = status ?? statusOfError(new StepcastError('job_gone'));
      callback(toServiceError({ ...fault, metadata: trailers }), null, trailers);
    },
    stalledMs: () => 0,
    detach: () => undefined,
  };
}

import type { ResetMessage, SnapshotMessage } from '@stepcast/protocol';
import type { LogEntry } from './ports/job-log.port.js';

/**
 * What the hub needs of a connection. A WebSocket, an SSE response and an NDJSON response each
 * implement it in one file of the gateway.
 */
export interface Transport {
  /** Shared by all connections that speak alike, so that one encoding serves them all. */
  readonly encoder: Encoder;
  /** Bytes handed to {@link write} that the operating system has not taken yet. */
  readonly unsentBytes: number;
  /**
   * Those of them that the operating system refused when they were written: 0 while the other side keeps
   * up, however much is written in one turn.
   */
  readonly refusedBytes: number;
  /** Queues a chunk of whole messages; written at the end of this turn of the event loop. */
  write(chunk: Uint8Array): void;
}

/** Turns what a viewer is to see into the bytes of one wire format. */
export interface Encoder {
  events(epoch: string, entries: readonly LogEntry[]): Uint8Array;
  reset(message: ResetMessage): Uint8Array;
  snapshot(message: SnapshotMessage): Uint8Array;
}

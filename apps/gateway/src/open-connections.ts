import { StepcastError, type ErrorCode } from '@stepcast/protocol';

/** What the gateway does with every connection, whatever it speaks. */
export interface OpenConnection {
  /** How long the other side has taken none of its unsent bytes. */
  stalledMs(now: number): number;
  /** Bytes that the operating system has not taken yet. */
  readonly unsentBytes: number;
  /** Sends a sign of life, and ends the connection when the other side has not answered the last one. */
  beat(now: number): void;
  /** Tells the other side to come back after `retryMs`, and ends the connection. */
  goAway(retryMs: number): void;
  close(code: ErrorCode): void;
}

export interface OpenConnectionsOptions {
  readonly maxConnections: number;
  readonly heartbeatMs: number;
  /** How long a connection may take none of its unsent bytes. */
  readonly slowViewerMs: number;
}

/** How often slow connections are looked for, as a part of the time that they are given. */
const STALL_CHECKS = 6;

/** All connections of a gateway: their number, their heartbeat, their end. */
export class OpenConnections {
  readonly #options: OpenConnectionsOptions;
  readonly #connections = new Set<OpenConnection>();
  readonly #timers: NodeJS.Timeout[];
  #isDraining = false;
  #slowCloses = 0;

  constructor(options: OpenConnectionsOptions) {
    this.#options = options;
    this.#timers = [
      setInterval(() => {
        this.#each((connection, now) => {
          connection.beat(now);
        });
      }, options.heartbeatMs),
      setInterval(() => {
        this.#each((connection, now) => {
          if (connection.stalledMs(now) < options.slowViewerMs) return;
          this.#slowCloses++;
          connection.close('slow_viewer');
        });
      }, options.slowViewerMs / STALL_CHECKS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  get count(): number {
    return this.#connections.size;
  }

  get slowViewerMs(): number {
    return this.#options.slowViewerMs;
  }

  /** Connections that were closed because they took nothing for too long. */
  get slowCloses(): number {
    return this.#slowCloses;
  }

  /** Bytes that all connections together still have to send. */
  get unsentBytes(): number {
    return [...this.#connections].reduce((sum, { unsentBytes }) => sum + unsentBytes, 0);
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** @throws {StepcastError} `draining` or `too_many_connections` */
  assertRoom(): void {
    if (this.#isDraining) throw new StepcastError('draining');
    if (this.#connections.size >= this.#options.maxConnections) {
      throw new StepcastError('too_many_connections');
    }
  }

  add(connection: OpenConnection): void {
    this.#connections.add(connection);
  }

  remove(connection: OpenConnection): void {
    this.#connections.delete(connection);
  }

  /** Refuses new connections from now on. */
  refuse(): void {
    this.#isDraining = true;
  }

  /** Sends every connection away, spread over `windowMs`, so that they do not all come back at once. */
  async drain(windowMs: number): Promise<void> {
    this.refuse();
    const connections = [...this.#connections];
    const slices = Math.min(10, connections.length);
    for (let slice = 0; slice < slices; slice++) {
      for (let index = slice; index < connections.length; index += slices) {
        connections[index]?.goAway(Math.round(500 + Math.random() * windowMs));
      }
      await new Promise((resolve) => setTimeout(resolve, windowMs / slices));
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #each(visit: (connection: OpenConnection, now: number) => void): void {
    const now = Date.now();
    for (const connection of [...this.#connections]) visit(connection, now);
  }
}

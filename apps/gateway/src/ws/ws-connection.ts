import type { Transport, Watch } from '@stepcast/hub';
import {
  CommandError,
  DEFAULT_GRACE_MS,
  ERROR_CODES,
  LIMITS,
  StepcastError,
  closeCode,
  encodePosition,
  messages,
  parseCommand,
  parseFrom,
  type Command,
  type CommandId,
  type CommandOf,
  type ErrorCode,
  type From,
} from '@stepcast/protocol';
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { GatewayCore } from '../gateway-core.js';
import type { OpenConnection } from '../open-connections.js';
import { SocketOutlet } from '../socket-outlet.js';
import { AnswerRoom } from './answer-room.js';
import { encodeTextFrame, wsEncoder } from './ws-encoder.js';

export interface WsConnectionOptions {
  readonly socket: Socket;
  readonly ws: WebSocket;
  readonly core: GatewayCore;
}

/** Commands that may wait for earlier ones; above it the hub stops reading from the connection. */
const MAX_WAITING_COMMANDS = 64;

/** Faulty messages, less the good ones, that end a connection: a broken client, not a slip. */
const MAX_FAULTS = 100;

/** How long a client may take to answer our close frame. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * One WebSocket: commands in, messages out (docs/protocol.md §5, §6).
 *
 * - I1 Commands are carried out one after the other, in the order they came.
 * - I2 Every command is answered by exactly one `ok` or `error` with its id.
 * - I3 A fault of a message never ends the connection; only abuse does.
 * - I4 When the connection ends, every watch leaves.
 * - I5 A client that sends and does not read makes nothing grow: answers are bounded as events are, and of
 *   pings that come meanwhile only the newest is answered (RFC 6455 §5.5.3).
 */
export class WsConnection implements OpenConnection, Transport {
  readonly encoder = wsEncoder;
  readonly #options: WsConnectionOptions;
  readonly #outlet: SocketOutlet;
  /** null while the subscription is being made. */
  readonly #watches = new Map<string, Watch | null>();
  #commands: Promise<void> = Promise.resolve();
  #waitingCommands = 0;
  #faults = 0;
  #isOpen = true;
  #missedPongs = 0;
  readonly #room = new AnswerRoom();
  #owedPong: Buffer | undefined;

  constructor(options: WsConnectionOptions) {
    this.#options = options;
    const { socket, ws, core } = options;
    this.#outlet = new SocketOutlet(socket, core.turn, () => {
      this.#drained();
    });
    ws.on('message', (data, isBinary) => {
      this.#receive(data, isBinary);
    });
    ws.on('pong', () => {
      this.#missedPongs = 0;
    });
    ws.on('ping', (data: Buffer) => {
      this.#owedPong = data;
      if (this.unsentBytes < LIMITS.maxUnsentBytes) this.#pong();
    });
    // Broken frames: `ws` answers with the right close code and ends the connection by itself.
    ws.on('error', () => undefined);
    ws.on('close', () => {
      this.#left();
    });
    core.connections.add(this);
  }

  get unsentBytes(): number {
    return this.#outlet.unsentBytes;
  }

  get refusedBytes(): number {
    return this.#outlet.refusedBytes;
  }

  write(chunk: Uint8Array): void {
    if (this.#isOpen) this.#outlet.write(chunk);
  }

  stalledMs(now: number): number {
    return this.#outlet.stalledMs(now);
  }

  beat(now: number): void {
    if (this.#missedPongs >= 2) {
      this.close('no_pong');
      return;
    }
    // While the hub itself does not read, a pong is not missed: whoever takes nothing is closed as slow.
    if (!this.#options.ws.isPaused) this.#missedPongs++;
    this.#options.ws.ping();
    // Browsers do not show pings to scripts; this they can see.
    if (now - this.#outlet.sentAt > 1_000) this.#send(messages.heartbeat());
  }

  goAway(retryMs: number): void {
    this.#send(messages.goaway(retryMs));
    this.close('draining');
  }

  close(code: ErrorCode): void {
    if (!this.#isOpen) return;
    this.#outlet.flush();
    this.#left();
    const { ws } = this.#options;
    ws.close(closeCode(code), ERROR_CODES[code].summary.slice(0, 120));
    const isDeaf = code === 'slow_viewer' || code === 'no_pong';
    const terminate = (): void => {
      ws.terminate();
    };
    if (isDeaf) setTimeout(terminate, 100).unref();
    else setTimeout(terminate, CLOSE_TIMEOUT_MS).unref();
  }

  #left(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.core.connections.remove(this);
    for (const watch of this.#watches.values()) watch?.leave();
    this.#watches.clear();
    this.#room.empty();
  }

  #drained(): void {
    this.#room.empty();
    this.#pong();
    for (const watch of this.#watches.values()) watch?.pump();
  }

  #pong(): void {
    if (this.#owedPong === undefined) return;
    this.#outlet.flush();
    this.#options.ws.pong(this.#owedPong);
    this.#owedPong = undefined;
  }

  #send(text: string): void {
    const frame = encodeTextFrame(text);
    this.#room.take(frame.byteLength);
    this.write(frame);
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!this.#isOpen) return;
    this.#missedPongs = 0;
    const { ws } = this.#options;
    if (++this.#waitingCommands >= MAX_WAITING_COMMANDS) ws.pause();
    this.#commands = this.#commands
      .then(() => this.#handle(data, isBinary))
      .catch(this.#options.core.onError)
      .finally(() => {
        if (--this.#waitingCommands < MAX_WAITING_COMMANDS / 2 && ws.isPaused) ws.resume();
      });
  }

  async #handle(data: RawData, isBinary: boolean): Promise<void> {
    await this.#room.wait(this.unsentBytes);
    if (!this.#isOpen) return;
    let id: CommandId;
    let job: string | undefined;
    try {
      if (isBinary) throw new StepcastError('malformed_json', 'Send JSON as text, not as binary.');
      const command = parseCommand(asText(data));
      id = command.id;
      if ('job' in command) job = command.job;
      this.#faults = Math.max(0, this.#faults - 1);
      await this.#run(command);
    } catch (error) {
      this.#refuse(error, id, job);
    }
  }

  #refuse(thrown: unknown, id: CommandId, job: string | undefined): void {
    const error = StepcastError.from(thrown);
    if (error.code === 'internal') this.#options.core.onError(thrown);
    const isFault = error instanceof CommandError;
    this.#send(messages.error(isFault ? error.id : id, error, job));
    if (isFault && ++this.#faults > MAX_FAULTS) this.close('protocol_error');
  }

  #run(command: Command): Promise<void> | void {
    switch (command.op) {
      case 'submit':
        return this.#submit(command);
      case 'subscribe':
        return this.#subscribe(command);
      case 'unsubscribe':
        this.#unsubscribe(command);
        return;
      case 'cancel':
        return this.#cancel(command);
      case 'ping':
        this.#send(messages.ok(command.id));
        return;
    }
  }

  async #submit(command: CommandOf<'submit'>): Promise<void> {
    this.#assertRoom();
    const { id, model, input, options, idempotencyKey } = command;
    const { record } = await this.#options.core.jobs.submit({
      model,
      input,
      options,
      onDisconnect: { policy: 'cancel', graceMs: DEFAULT_GRACE_MS },
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    await this.#watch(id, { job: record.id, from: 'start', hold: true });
  }

  async #subscribe(command: CommandOf<'subscribe'>): Promise<void> {
    this.#assertRoom();
    const { id, job, from, hold } = command;
    await this.#watch(id, { job, from: parseFrom(from), hold });
  }

  async #watch(
    id: CommandId,
    { job, from, hold }: { job: string; from: From; hold: boolean },
  ): Promise<void> {
    if (this.#watches.has(job)) throw new StepcastError('already_subscribed');
    this.#watches.set(job, null);
    try {
      const watch = await this.#options.core.hub.watch({
        job,
        from,
        hold,
        transport: this,
        onEnd: () => this.#watches.delete(job),
        onFail: (error) => {
          this.#watches.delete(job);
          this.#send(messages.error(undefined, error, job));
        },
      });
      this.#begin(watch, id);
    } catch (error) {
      this.#watches.delete(job);
      throw error;
    }
  }

  #begin(watch: Watch, id: CommandId): void {
    const { job, position } = watch;
    // The connection may have ended while the subscription was made.
    if (!this.#isOpen) {
      watch.leave();
      return;
    }
    this.#watches.set(job, watch);
    this.#send(messages.ok(id, { job, position: encodePosition(position) }));
    watch.pump();
  }

  #unsubscribe({ id, job }: CommandOf<'unsubscribe'>): void {
    const watch = this.#watches.get(job);
    if (watch === undefined || watch === null) throw new StepcastError('not_subscribed');
    watch.leave();
    this.#watches.delete(job);
    this.#send(messages.ok(id, { job }));
  }

  async #cancel({ id, job, reason }: CommandOf<'cancel'>): Promise<void> {
    const record = await this.#options.core.jobs.cancel(job, 'client', reason);
    this.#send(messages.ok(id, { job, status: record.status }));
  }

  #assertRoom(): void {
    if (this.#options.core.connections.isDraining) throw new StepcastError('draining');
    if (this.#watches.size >= LIMITS.maxJobsPerConnection) {
      throw new StepcastError(
        'too_many_jobs',
        `A connection watches at most ${LIMITS.maxJobsPerConnection} jobs.`,
      );
    }
  }
}

/** `ws` gives one Buffer per message unless told otherwise. */
function asText(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString('utf8');
  throw new TypeError('expected a message in one buffer');
}

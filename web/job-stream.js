/**
 * One WebSocket to the hub, which watches any number of jobs (docs/protocol.md §5, §6).
 *
 *   connecting ──open──► open ──close──► waiting ──time, or back online──► connecting
 *                          └──close with a code from 4500 on──► stopped
 *
 * - I1 A watch keeps the position behind its newest event. After each connect it is subscribed from
 *   there, or from the start when it has none, so no event is missed and none is given twice.
 * - I2 A watch ends with the terminal event of its job, or with a refusal that will not pass.
 * - I3 The first wait after a `goaway` is the one that the hub asked for; further ones back off.
 */
import { backoffMs } from './backoff.js';

const SUBPROTOCOL = 'stepcast.v1.json';
const FIRST_CODE_WITHOUT_RETURN = 4500;
/** Silence after which the hub is asked for a sign of life, and after which it is taken for gone. */
const ASK_AFTER_MS = 20_000;
const GONE_AFTER_MS = 30_000;
const LOOK_EVERY_MS = 5_000;

const TERMINAL_TYPES = new Set(['completed', 'failed', 'cancelled']);

/**
 * @typedef {object} Watcher what is told of one job
 * @property {(event: object) => void} onEvent
 * @property {(reset: { reason: string }) => void} onReset what was shown is void; a snapshot follows
 * @property {(snapshot: object) => void} onSnapshot
 * @property {(error: { code: string, message: string }) => void} onRefused
 */

/**
 * @typedef {object} Watch
 * @property {string} job
 * @property {{ epoch: string, seq: number } | undefined} position
 * @property {number} refusals in a row
 * @property {Watcher} watcher
 */

export class JobStream {
  #url;
  #onState;
  /** @type {Map<string, Watch>} */
  #watches = new Map();
  /** Commands not yet answered: id → the watch that they are for. @type {Map<number, Watch>} */
  #asked = new Map();
  #nextId = 1;
  /** @type {WebSocket | undefined} */
  #socket;
  #isOpen = false;
  #failures = 0;
  #goawayMs;
  #heardAt = 0;
  #timer;
  #look;

  /**
   * @param {object} options
   * @param {URL} options.url
   * @param {(state: { kind: 'connecting' | 'open' | 'waiting' | 'stopped', retryMs?: number, reason?: string }) => void} options.onState
   */
  constructor({ url, onState }) {
    this.#url = url;
    this.#onState = onState;
    addEventListener('online', () => {
      if (this.#timer !== undefined) this.connect();
    });
  }

  connect() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#onState({ kind: 'connecting' });
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  /** Holds a job and tells the watcher everything about it, from its first event. @param {Watcher} watcher */
  watch(job, watcher) {
    const watch = { job, watcher, position: undefined, refusals: 0 };
    this.#watches.set(job, watch);
    if (this.#isOpen) this.#subscribe(watch);
  }

  #opened() {
    this.#isOpen = true;
    this.#failures = 0;
    this.#heardAt = Date.now();
    this.#look = setInterval(() => this.#lookForLife(), LOOK_EVERY_MS);
    this.#onState({ kind: 'open' });
    for (const watch of this.#watches.values()) this.#subscribe(watch);
  }

  #closed(code, reason) {
    this.#isOpen = false;
    this.#asked.clear();
    clearInterval(this.#look);
    if (code >= FIRST_CODE_WITHOUT_RETURN) {
      this.#onState({ kind: 'stopped', reason });
      return;
    }
    const retryMs = this.#goawayMs ?? backoffMs(this.#failures++);
    this.#goawayMs = undefined;
    this.#onState({ kind: 'waiting', retryMs });
    this.#timer = setTimeout(() => this.connect(), retryMs);
  }

  /** A cut cable closes no socket, and scripts do not see the pings of the hub. */
  #lookForLife() {
    const silentMs = Date.now() - this.#heardAt;
    if (silentMs >= GONE_AFTER_MS) {
      const socket = this.#socket;
      // The close handshake would wait for the same silence.
      socket.onmessage = socket.onclose = null;
      socket.close();
      this.#closed(1006, '');
    } else if (silentMs >= ASK_AFTER_MS) {
      this.#send({ op: 'ping' });
    }
  }

  #subscribe(watch) {
    const { job, position } = watch;
    const id = this.#send({
      op: 'subscribe',
      job,
      from: position === undefined ? 'start' : `${position.epoch}.${position.seq}`,
    });
    this.#asked.set(id, watch);
  }

  #send(command) {
    const id = this.#nextId++;
    this.#socket.send(JSON.stringify({ id, ...command }));
    return id;
  }

  #receive(message) {
    this.#heardAt = Date.now();
    if (message.op === 'ok' || message.op === 'error') {
      const watch = this.#asked.get(message.id);
      this.#asked.delete(message.id);
      if (watch !== undefined) this.#answered(watch, message);
      return;
    }
    if (message.op === 'goaway') {
      this.#goawayMs = message.retryMs;
      return;
    }
    const watch = this.#watches.get(message.job);
    if (watch !== undefined) this.#deliver(watch, message);
  }

  #answered(watch, message) {
    if (message.op === 'ok') {
      watch.refusals = 0;
      watch.position ??= parsePosition(message.position);
    } else if (message.retryable) {
      const again = () => {
        if (this.#isOpen && this.#watches.get(watch.job) === watch) this.#subscribe(watch);
      };
      setTimeout(again, backoffMs(watch.refusals++));
    } else {
      this.#watches.delete(watch.job);
      watch.watcher.onRefused(message);
    }
  }

  #deliver(watch, message) {
    const { watcher } = watch;
    if (message.op === 'event') {
      if (watch.position === undefined || message.seq <= watch.position.seq) return;
      watch.position.seq = message.seq;
      if (TERMINAL_TYPES.has(message.type)) this.#watches.delete(watch.job);
      watcher.onEvent(message);
    } else if (message.op === 'reset') {
      watcher.onReset(message);
    } else if (message.op === 'snapshot') {
      watch.position = parsePosition(message.position);
      if (TERMINAL_TYPES.has(message.status)) this.#watches.delete(watch.job);
      watcher.onSnapshot(message);
    }
  }
}

/** `k3x9.18` → the life of the log, and the number of its newest event. */
function parsePosition(text) {
  const dot = text.lastIndexOf('.');
  return { epoch: text.slice(0, dot), seq: Number(text.slice(dot + 1)) };
}

// What one viewer saw, judged as it comes: the oracle of every test of delivery.
import { createHash } from 'node:crypto';

import { Fold, type FoldOf, type JobState } from '@stepcast/hub';
import { isTerminalType, parsePosition, type JobEvent } from '@stepcast/protocol';

/** An event as it was seen; `hash` is SHA-1 of the event's bytes. */
export interface Mark {
  readonly epoch: string;
  readonly seq: number;
  readonly attempt: number;
  readonly type: string;
  readonly hash: string;
}

export interface SeenOptions {
  readonly foldOf: FoldOf;
  /**
   * Whether this viewer may be sent its backlog folded, as a connection that could not keep up is: then
   * `seq` may skip, and the folded state must show that nothing was lost.
   */
  readonly mayBeFolded?: boolean;
}

/** Kinds of fault; each is a broken promise. */
export type FaultKind = 'lost' | 'repeated' | 'out of order' | 'after the end' | 'malformed';

export interface Fault {
  readonly kind: FaultKind;
  readonly what: string;
}

export class Seen {
  readonly marks: Mark[] = [];
  readonly faults: Fault[] = [];
  /** Data of the `attempt` events, in order. */
  readonly attempts: { attempt: number; mode: string; fromSeq: number }[] = [];
  /** Reasons of the resets, in order. */
  readonly resets: string[] = [];
  readonly #fold: { current: Fold };
  readonly #options: SeenOptions;
  #epoch = '';
  #seq = 0;
  /** As the hub named it when it took up again; differs until a reset has said so. */
  #namedEpoch = '';
  /** Since the last reset. */
  #known = new Set<number>();
  #awaitsSnapshot = false;
  #ended = 0;

  constructor(options: SeenOptions) {
    this.#options = options;
    this.#fold = { current: new Fold(options.foldOf) };
  }

  get state(): JobState {
    return this.#fold.current.state;
  }

  get hasEnded(): boolean {
    return this.#ended > 0;
  }

  /** seq of the newest event. */
  get seq(): number {
    return this.#seq;
  }

  /** Where to resume; undefined before the first. */
  get position(): string | undefined {
    return this.#epoch === '' ? undefined : `${this.#epoch}.${this.#seq}`;
  }

  get types(): string[] {
    return this.marks.map(({ type }) => type);
  }

  /** The log's life as the hub names it at a (re)connect; another one must be announced by a reset. */
  begin(position: string): void {
    const { epoch, seq } = parsePosition(position);
    this.#namedEpoch = epoch;
    if (this.#epoch !== '') return;
    this.#epoch = epoch;
    this.#seq = seq;
  }

  /**
   * @param text the event's JSON, byte for byte
   * @param id where the hub says that this is, when the transport says it
   */
  event(text: string, id?: string): void {
    const event = JSON.parse(text) as JobEvent;
    const { seq, attempt, type } = event;
    if (id !== undefined) this.#adopt(id);
    const where = `${type} ${this.#epoch}.${seq} behind ${this.#seq}`;
    this.#checkEpoch(where);
    if (id !== undefined && id !== `${this.#epoch}.${seq}`)
      this.#fault('malformed', `the id is ${id}: ${where}`);
    if (this.#awaitsSnapshot) this.#fault('malformed', `no snapshot after a reset: ${where}`);
    if (this.#ended > 0) this.#fault('after the end', where);
    if (this.#known.has(seq)) {
      this.#fault('repeated', where);
    } else if (seq <= this.#seq) {
      this.#fault('out of order', where);
    } else if (seq > this.#seq + 1 && this.#options.mayBeFolded !== true) {
      this.#fault('lost', where);
    }
    this.#seq = seq;
    this.#known.add(seq);
    const hash = createHash('sha1').update(text).digest('hex');
    this.marks.push({ epoch: this.#epoch, seq, attempt, type, hash });
    if (type === 'attempt') this.attempts.push(event.data as (typeof this.attempts)[number]);
    this.#fold.current.apply(event);
    if (isTerminalType(type)) this.#ended += 1;
  }

  reset(reason: string): void {
    this.resets.push(reason);
    this.#awaitsSnapshot = true;
    this.#known = new Set();
  }

  snapshot(position: string, state: JobState): void {
    const { epoch, seq } = parsePosition(position);
    if (!this.#awaitsSnapshot) this.#fault('malformed', `no reset before the snapshot ${position}`);
    this.#awaitsSnapshot = false;
    this.#namedEpoch = epoch;
    this.#epoch = epoch;
    this.#seq = seq;
    this.#fold.current = new Fold(this.#options.foldOf, structuredClone(state));
    this.#ended = state.end === undefined ? 0 : 1;
  }

  /**
   * Who holds nothing need not be told that the log has begun a new life: after a submission it may, before
   * the first event is sent.
   */
  #adopt(id: string): void {
    if (this.#seq > 0 || !/^[^.]+\.\d+$/.test(id)) return;
    const { epoch } = parsePosition(id);
    this.#epoch = epoch;
    this.#namedEpoch = epoch;
  }

  #checkEpoch(where: string): void {
    if (this.#namedEpoch === this.#epoch) return;
    this.#fault('malformed', `no reset before the epoch ${this.#namedEpoch}: ${where}`);
    // Once is enough.
    this.#namedEpoch = this.#epoch;
  }

  #fault(kind: FaultKind, what: string): void {
    this.faults.push({ kind, what });
  }
}

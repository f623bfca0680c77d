import {
  isReservedType,
  isTerminalType,
  type FoldKind,
  type JobEvent,
  type JobStatus,
} from '@stepcast/protocol';

/**
 * The folded state of a job: what remains of its events when each is folded by the rule of its type.
 * It is the `state` of a snapshot, and enough for a viewer to show the job as if it had seen them all.
 */
export interface JobState {
  status: JobStatus;
  attempt: number;
  /** `data` of the newest `started` event. */
  started?: unknown;
  /** The terminal event, whole. */
  end?: JobEvent;
  /** The newest `log` events, at most {@link MAX_LOG_LINES}. */
  log: unknown[];
  /**
   * Per type of the model: the newest data (`latest`), the joined data (`append`) or every data in
   * order (`all`).
   */
  events: Record<string, unknown>;
}

/** Log lines that a snapshot keeps: they are for people, and a chatty model must not grow it for ever. */
export const MAX_LOG_LINES = 100;

/** The fold of an event type of the job's model; `all` for types it does not know. */
export type FoldOf = (type: string) => FoldKind;

/**
 * Folds events one by one, in order. A restart voids the model's events of earlier attempts, so the
 * state never mixes two attempts (docs/protocol.md §7).
 */
export class Fold {
  #state: JobState;
  readonly #foldOf: FoldOf;

  constructor(foldOf: FoldOf, state?: JobState) {
    this.#foldOf = foldOf;
    this.#state = state ?? { status: 'queued', attempt: 0, log: [], events: {} };
  }

  /** The state so far; changes with the next {@link apply}, so encode it at once. */
  get state(): Readonly<JobState> {
    return this.#state;
  }

  apply(event: JobEvent): void {
    if (event.type === 'snapshot') {
      this.#state = structuredClone(event.data) as JobState;
      return;
    }
    const state = this.#state;
    state.attempt = event.attempt;
    if (isTerminalType(event.type)) {
      state.status = event.type;
      state.end = event;
    } else if (isReservedType(event.type)) {
      this.#applyReserved(event);
    } else {
      state.events[event.type] = join(
        this.#foldOf(event.type),
        state.events[event.type],
        event.data,
      );
    }
  }

  #applyReserved(event: JobEvent): void {
    const state = this.#state;
    if (event.type === 'started') {
      state.status = 'running';
      state.started = event.data;
    } else if (event.type === 'attempt') {
      state.status = 'running';
      if (isRestart(event.data)) state.events = {};
    } else if (event.type === 'log') {
      state.log.push(event.data);
      if (state.log.length > MAX_LOG_LINES) state.log.shift();
    }
  }
}

function isRestart(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'mode' in data && data.mode === 'restart';
}

function join(kind: FoldKind, before: unknown, data: unknown): unknown {
  switch (kind) {
    case 'latest':
      return data;
    case 'append':
      return before === undefined ? data : appendData(before, data);
    case 'all':
      if (!Array.isArray(before)) return [data];
      before.push(data);
      return before;
  }
}

/**
 * Two data of an `append` type as one: strings and arrays are joined, also those that are fields of
 * objects; everything else takes the newer value. `{index: 0, text: 'a'}` and `{index: 1, text: 'b'}`
 * become `{index: 1, text: 'ab'}`.
 */
export function appendData(before: unknown, data: unknown): unknown {
  if (typeof before === 'string' && typeof data === 'string') return before + data;
  if (Array.isArray(before) && Array.isArray(data))
    return [...(before as unknown[]), ...(data as unknown[])];
  if (!isPlainObject(before) || !isPlainObject(data)) return data;
  const joined: Record<string, unknown> = { ...before, ...data };
  for (const [key, value] of Object.entries(data)) {
    const old = before[key];
    if (typeof old === 'string' || Array.isArray(old)) joined[key] = appendData(old, value);
  }
  return joined;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What is known of one job, from its events (docs/protocol.md §1, §7). It knows no model: a picture is
 * any field that holds one, progress any `step` and `of`, text what a type folded by `append` says.
 */

const RESERVED_TYPES = new Set([
  'queued',
  'started',
  'attempt',
  'log',
  'snapshot',
  'completed',
  'failed',
  'cancelled',
]);
const TERMINAL_TYPES = new Set(['completed', 'failed', 'cancelled']);
const MAX_ROWS = 500;
const MAX_LOG_LINES = 100;

export class JobState {
  status = 'queued';
  model = '';
  attempt = 0;
  isCancelling = false;
  /** What the end of the last viewer means, where this page knows it. @type {'cancel' | 'continue' | undefined} */
  policy;
  /** Jobs of the model that start before this one, while it waits. @type {number | undefined} */
  queuePosition;
  startedBy = '';
  progress;
  picture = '';
  text = '';
  log = [];
  /** The terminal event. */
  end;
  /** Why there is nothing to show. @type {{ code: string, message: string } | undefined} */
  refusal;
  /** The newest events, at most 500. @type {{ seq: number, type: string, at: number, data: unknown, isVoid: boolean }[]} */
  rows = [];
  droppedRows = 0;
  /** Changes when rows that were shown are no longer what they were. */
  rowsVersion = 0;
  /** Times are counted from here. @type {number | undefined} */
  firstAt;
  lastAt;
  #foldOf;

  /** @param {string} id @param {(model: string, type: string) => string | undefined} foldOf */
  constructor(id, foldOf) {
    this.id = id;
    this.#foldOf = foldOf;
  }

  get isEnded() {
    return TERMINAL_TYPES.has(this.status);
  }

  /** From the record that REST shows; the events, which come in order, know better. */
  describe(record) {
    if (this.model === '') this.model = record.model;
    this.firstAt ??= record.createdAt;
    this.queuePosition = record.queue?.position;
  }

  apply(event) {
    const { seq, type, at, data } = event;
    if (seq === 1) this.firstAt = at;
    this.lastAt = at;
    this.attempt = event.attempt;
    const shown = type === 'snapshot' ? `stands for events 1 to ${seq}` : data;
    this.#addRow({ seq, type, at, data: shown, isVoid: false });
    if (type === 'snapshot') this.#applyState(data);
    else if (RESERVED_TYPES.has(type)) this.#applyReserved(event);
    else this.#applyOfModel(type, data);
  }

  reset() {
    this.#forgetRun();
    this.rows = [];
    this.droppedRows = 0;
    this.rowsVersion++;
    this.log = [];
  }

  /** A snapshot stands for every event up to its position. */
  applySnapshot({ position, status, attempt, state }) {
    this.reset();
    this.#applyState(state);
    this.status = status;
    this.attempt = attempt;
    const seq = Number(position.slice(position.lastIndexOf('.') + 1));
    const at = state.end?.at ?? this.lastAt;
    this.#addRow({ seq, type: 'snapshot', at, data: `stands for events 1 to ${seq}` });
    if (state.end !== undefined) {
      this.lastAt = at;
      this.#ended(state.end);
    }
  }

  /** In place of everything that was shown but the rows. */
  #applyState(state) {
    this.#forgetRun();
    this.log = (state.log ?? []).slice(-MAX_LOG_LINES);
    if (state.started !== undefined) this.#started(state.started);
    for (const [type, folded] of Object.entries(state.events ?? {})) {
      const isList = Array.isArray(folded) && this.#foldOf(this.model, type) === 'all';
      this.#applyOfModel(type, isList ? folded.at(-1) : folded);
    }
  }

  #applyReserved(event) {
    const { type, data } = event;
    if (type === 'queued') this.model = data.model;
    else if (type === 'started') this.#started(data);
    else if (type === 'attempt') this.#newAttempt(data);
    else if (type === 'log') this.#addLogLine(data);
    else if (TERMINAL_TYPES.has(type)) this.#ended(event);
  }

  #started(data) {
    this.status = 'running';
    this.queuePosition = undefined;
    this.startedBy = [data.worker, data.device].filter(Boolean).join(' on ');
  }

  /** protocol.md §7: what is void; behind a `resume` that voids anything a snapshot says what is left. */
  #newAttempt({ mode, fromSeq }) {
    this.status = 'running';
    const isRestart = mode === 'restart';
    if (isRestart) this.#forgetRun();
    for (const row of this.rows) {
      const isVoid = isRestart ? row.seq < fromSeq : row.seq >= fromSeq;
      if (isVoid && !RESERVED_TYPES.has(row.type)) row.isVoid = true;
    }
    this.rowsVersion++;
  }

  #ended(event) {
    this.status = event.type;
    this.end = event;
    this.isCancelling = false;
    this.queuePosition = undefined;
    if (event.type !== 'completed') return;
    const { output } = event.data;
    this.picture = pictureOf(output) ?? this.picture;
    if (this.text === '') this.text = output?.text ?? '';
  }

  #applyOfModel(type, data) {
    this.picture = pictureOf(data) ?? this.picture;
    if (Number.isFinite(data?.step) && Number.isFinite(data?.of)) {
      this.progress = { step: data.step, of: data.of };
    }
    if (this.#foldOf(this.model, type) === 'append') this.text += textOf(data);
  }

  #forgetRun() {
    this.progress = undefined;
    this.picture = '';
    this.text = '';
  }

  #addLogLine(line) {
    this.log.push(line);
    if (this.log.length > MAX_LOG_LINES) this.log.shift();
  }

  #addRow(row) {
    this.rows.push(row);
    if (this.rows.length > MAX_ROWS) {
      this.rows.shift();
      this.droppedRows++;
    }
  }
}

/** Only data URLs of pictures: an address would make the browser ask a server of the model's choice. */
export function isPicture(value) {
  return typeof value === 'string' && value.startsWith('data:image/');
}

function pictureOf(data) {
  return typeof data === 'object' && data !== null
    ? Object.values(data).find(isPicture)
    : undefined;
}

function textOf(data) {
  if (typeof data === 'string') return data;
  return typeof data?.text === 'string' ? data.text : '';
}

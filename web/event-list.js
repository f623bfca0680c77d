import { create } from './dom.js';
import { toCount, toSummary } from './words.js';

/** Closer to its end than this, the list follows new events; further up, someone is reading. */
const FOLLOW_PX = 24;

/** The newest events of a job as rows of a table; only the rows that changed are touched. */
export class EventList {
  #scroller;
  #body;
  #note;
  #shown = { job: undefined, version: -1, lastSeq: 0 };

  /** @param {{ scroller: HTMLElement, body: HTMLElement, note: HTMLElement }} elements */
  constructor({ scroller, body, note }) {
    this.#scroller = scroller;
    this.#body = body;
    this.#note = note;
  }

  /** @param {import('./job-state.js').JobState} job */
  render(job) {
    const isFollowing = this.#isAtEnd();
    const shown = this.#shown;
    if (shown.job !== job || shown.version !== job.rowsVersion) {
      this.#body.replaceChildren();
      this.#shown = { job, version: job.rowsVersion, lastSeq: 0 };
    }
    const fresh = job.rows.filter((row) => row.seq > this.#shown.lastSeq);
    if (fresh.length === 0) return;
    this.#shown.lastSeq = fresh.at(-1).seq;
    this.#body.append(...fresh.map((row) => createRow(row, job.firstAt)));
    while (this.#body.childElementCount > job.rows.length) this.#body.firstElementChild.remove();
    this.#note.textContent =
      job.droppedRows === 0
        ? toCount(job.rows.length, 'event')
        : `the newest ${job.rows.length} of ${job.rows.length + job.droppedRows}`;
    if (isFollowing) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
  }
}

function createRow({ seq, type, at, data, isVoid }, firstAt) {
  const ms = at === undefined || firstAt === undefined ? '' : String(Math.max(0, at - firstAt));
  return create(
    'tr',
    {
      className: isVoid ? 'void' : undefined,
      title: isVoid ? 'Void: the job was run anew' : undefined,
    },
    create('td', { className: 'number' }, String(seq)),
    create('td', { className: 'number' }, ms),
    create('td', {}, create('span', { className: `type type-${type}` }, type)),
    create('td', { className: 'summary' }, toSummary(data)),
  );
}

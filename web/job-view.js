import { byId, create, setText } from './dom.js';
import { EventList } from './event-list.js';
import { isPicture } from './job-state.js';
import { toDuration, toLabel } from './words.js';

const STATUS_WORDS = {
  queued: 'Waiting',
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

const CANCELLED_BY = {
  client: 'Cancelled on request.',
  disconnect: 'Cancelled, because everyone who held it had left.',
  timeout: 'Cancelled, because its time was up.',
  shutdown: 'Cancelled, because the hub was shut down.',
};

const LEAVE_WORDS = {
  cancel: 'Leave this page, and the job is cancelled after 5\u00a0s.',
  continue: 'You may leave this page: the job goes on.',
};

/** Shows one job, and draws at most once per frame, however many events come. */
export class JobView {
  #events = new EventList({
    scroller: byId('event-scroller'),
    body: byId('event-rows'),
    note: byId('event-note'),
  });
  /** @type {import('./job-state.js').JobState | undefined} */
  #job;
  #isScheduled = false;
  #shownLog;
  #shownEnd;

  /** @param {{ onCancel: (job: import('./job-state.js').JobState) => void }} options */
  constructor({ onCancel }) {
    byId('job-cancel').addEventListener('click', () => onCancel(this.#job));
  }

  /** The job that is shown. */
  get job() {
    return this.#job;
  }

  /** @param {import('./job-state.js').JobState | undefined} job */
  show(job) {
    this.#job = job;
    this.#shownLog = this.#shownEnd = undefined;
    this.#render();
  }

  /** Draws a job anew, if it is the one that is shown. */
  changed(job) {
    if (job !== this.#job || this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#render();
    });
  }

  #render() {
    const job = this.#job;
    const isShown = job !== undefined && job.refusal === undefined;
    document.title = isShown ? `${job.model || 'Job'} · Stepcast` : 'Stepcast';
    byId('job-body').hidden = !isShown;
    byId('job-none').hidden = job !== undefined;
    byId('job-refused').hidden = job?.refusal === undefined;
    if (job?.refusal !== undefined) setText(byId('job-refused-why'), job.refusal.message);
    if (!isShown) return;
    this.#renderHead(job);
    this.#renderProgress(job);
    this.#renderWork(job);
    this.#renderEnd(job);
    this.#renderLog(job);
    this.#events.render(job);
  }

  #renderHead(job) {
    setText(byId('job-model'), job.model || 'Job');
    setText(byId('job-id'), job.id);
    byId('job-body').dataset.status = job.status;
    const status = byId('job-status');
    setText(status, job.isCancelling ? 'Cancelling …' : STATUS_WORDS[job.status]);
    const cancel = byId('job-cancel');
    cancel.hidden = job.isEnded;
    cancel.disabled = job.isCancelling;
    const leave = byId('job-leave');
    leave.hidden = job.isEnded || job.policy === undefined;
    if (!leave.hidden) setText(leave, LEAVE_WORDS[job.policy]);
    setText(byId('job-facts'), this.#factsOf(job).join(' · '));
  }

  #factsOf(job) {
    const facts = [];
    if (job.startedBy !== '') facts.push(job.startedBy);
    if (job.attempt > 1) facts.push(`attempt ${job.attempt}`);
    if (job.lastAt !== undefined && job.firstAt !== undefined) {
      facts.push(toDuration(Math.max(0, job.lastAt - job.firstAt)));
    }
    return facts;
  }

  #renderProgress(job) {
    const bar = byId('job-progress');
    const label = byId('job-step');
    const { progress } = job;
    byId('job-steps').hidden = job.isEnded && progress === undefined;
    if (progress !== undefined) {
      bar.max = progress.of;
      bar.value = progress.step;
      setText(label, `step ${progress.step} of ${progress.of}`);
    } else if (job.status === 'running' && job.text === '') {
      bar.removeAttribute('value');
      setText(label, 'started');
    } else if (job.status === 'queued') {
      bar.value = 0;
      const ahead = job.queuePosition;
      setText(label, ahead ? `in the queue, ${ahead} before it` : 'in the queue');
    } else {
      // Text without steps: it is its own progress.
      byId('job-steps').hidden = true;
    }
  }

  #renderWork(job) {
    const picture = byId('job-picture');
    const hasPicture = isPicture(job.picture);
    picture.hidden = !hasPicture;
    if (hasPicture && picture.src !== job.picture) picture.src = job.picture;
    if (hasPicture) picture.alt = job.isEnded ? 'The picture' : 'The picture as it is now';
    const text = byId('job-text');
    text.hidden = job.text === '';
    // The first word of a text carries the space before it.
    setText(text, job.text.trimStart());
    text.classList.toggle('growing', job.status === 'running');
    byId('job-work').hidden = !hasPicture && job.text === '';
  }

  #renderEnd(job) {
    const box = byId('job-end');
    const output = byId('job-output');
    if (this.#shownEnd === job.end && this.#shownEnd !== undefined) return;
    this.#shownEnd = job.end;
    box.hidden = job.end === undefined;
    output.hidden = job.end?.type !== 'completed';
    if (job.end === undefined) return;
    box.replaceChildren(...endOf(job.end));
    if (job.end.type !== 'completed') return;
    output.replaceChildren(
      ...factsOfOutput(job.end.data.output, job.text).map(([name, value]) =>
        create('div', {}, create('dt', {}, toLabel(name)), create('dd', {}, value)),
      ),
    );
    output.hidden = output.childElementCount === 0;
  }

  #renderLog(job) {
    byId('job-log').hidden = job.log.length === 0;
    const newest = job.log.at(-1);
    if (newest === this.#shownLog) return;
    this.#shownLog = newest;
    byId('job-log-lines').replaceChildren(
      ...job.log.map(({ level, message }) =>
        create('li', { className: `level-${level}` }, create('b', {}, level), ` ${message}`),
      ),
    );
  }
}

function endOf({ type, data }) {
  if (type === 'completed') {
    const { runMs, queuedMs } = data.metrics ?? {};
    const times = Number.isFinite(runMs)
      ? ` It ran for ${toDuration(runMs)}, after ${toDuration(queuedMs)} in the queue.`
      : '';
    return [create('strong', {}, 'Completed.'), times];
  }
  if (type === 'failed') {
    return [create('strong', {}, 'Failed: '), create('code', {}, data.code), ` ${data.message}`];
  }
  const reason = data.reason === '' ? '' : ` Reason: ${data.reason}.`;
  return [
    create('strong', {}, CANCELLED_BY[data.by] ?? 'Cancelled.'),
    `${reason} The work stopped ${toDuration(data.stoppedAfterMs)} after the order.`,
  ];
}

/** What is not shown already as picture or text. */
function factsOfOutput(output, text) {
  if (typeof output !== 'object' || output === null) {
    return output === null || output === undefined ? [] : [['output', JSON.stringify(output)]];
  }
  return Object.entries(output)
    .filter(([, value]) => !isPicture(value) && value !== text)
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
}

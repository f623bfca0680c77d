/**
 * The page of the hub. The job that is shown is the one in the address, `#job=<id>`, so a reload or a
 * second tab shows it again. Every job that was opened here is held until it ends or the page is left.
 */
import { cancelJob, getJob, listModels, listRecentJobs } from './api.js';
import { backoffMs } from './backoff.js';
import { Composer } from './composer.js';
import { byId, setText } from './dom.js';
import { JobState } from './job-state.js';
import { JobStream } from './job-stream.js';
import { JobView } from './job-view.js';
import { RecentJobs } from './recent-jobs.js';

const RECENT_JOBS = 10;
const REFRESH_MS = 5_000;
/** Ended jobs whose events are kept in the page; older ones are asked for again. */
const MAX_ENDED_JOBS = 20;

/** @type {Map<string, JobState>} */
const jobs = new Map();
const composer = new Composer({ onSubmitted: begin });
const view = new JobView({ onCancel: (job) => void cancel(job) });
const recent = new RecentJobs(byId('recent-jobs'));
const stream = new JobStream({ url: streamUrl(), onState: showConnection });

stream.connect();
await loadModels();
addEventListener('hashchange', () => void openFromAddress());
await openFromAddress();
// Only now: later it would take away what someone is typing.
composer.choose(view.job?.model);
await refresh();
setInterval(() => {
  if (!document.hidden) void refresh();
}, REFRESH_MS);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refresh();
});

function streamUrl() {
  const url = new URL('/v1/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

/** Nothing can be shown without the models: which events are text is said there. */
async function loadModels() {
  for (let attempt = 0; ; attempt++) {
    try {
      composer.setModels(await listModels());
      byId('composer').hidden = false;
      byId('loading').hidden = true;
      return;
    } catch (error) {
      setText(byId('loading'), `The models cannot be listed. ${error.message} Trying again …`);
      await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt)));
    }
  }
}

/** A job that was submitted here. */
function begin(record, policy) {
  const job = addJob(record.id);
  job.policy = policy;
  job.describe(record);
  watch(job);
  // The address keeps the policy too: the hub does not show it, and a reload should.
  history.pushState({ policy }, '', `#job=${record.id}`);
  show(job);
  void refresh();
  bringIntoView(byId('job'));
}

/** On a phone the job is below the form, and beside a long form it may be above the window. */
function bringIntoView(panel) {
  const { top } = panel.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) panel.scrollIntoView();
}

async function openFromAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get('job');
  if (id === null) {
    show(undefined);
    return;
  }
  const known = jobs.get(id);
  if (known !== undefined) {
    show(known);
    return;
  }
  const job = addJob(id);
  job.policy = history.state?.policy;
  show(job);
  try {
    job.describe(await getJob(id));
    view.changed(job);
  } catch (error) {
    if (!error.isRetryable) {
      refuse(job, error);
      return;
    }
  }
  watch(job);
}

function addJob(id) {
  const job = new JobState(id, (model, type) => composer.foldOf(model, type));
  jobs.set(id, job);
  const ended = [...jobs.values()].filter(
    ({ isEnded, refusal }) => isEnded || refusal !== undefined,
  );
  for (const old of ended.slice(0, Math.max(0, ended.length - MAX_ENDED_JOBS))) jobs.delete(old.id);
  return job;
}

function watch(job) {
  stream.watch(job.id, {
    onEvent: (event) => {
      const before = job.status;
      job.apply(event);
      view.changed(job);
      if (job.status !== before) void refresh();
    },
    onReset: () => {
      job.reset();
      view.changed(job);
    },
    onSnapshot: (snapshot) => {
      job.applySnapshot(snapshot);
      view.changed(job);
    },
    onRefused: (error) => refuse(job, error),
  });
}

function refuse(job, error) {
  job.refusal = error;
  view.changed(job);
}

function show(job) {
  view.show(job);
  recent.setCurrent(job?.id);
}

async function cancel(job) {
  job.isCancelling = true;
  view.changed(job);
  try {
    await cancelJob(job.id);
  } catch (error) {
    job.isCancelling = false;
    // Ended in the meantime: its terminal event says so.
    if (error.code !== 'already_finished') {
      job.log.push({ level: 'error', message: `It could not be cancelled. ${error.message}` });
    }
    view.changed(job);
  }
}

/** What no event tells: other people's jobs, places in the queue, who serves the models. */
async function refresh() {
  try {
    const [{ jobs: records }, models] = await Promise.all([
      listRecentJobs(RECENT_JOBS),
      listModels(),
    ]);
    composer.setModels(models);
    recent.setJobs(records);
    for (const record of records) {
      const job = jobs.get(record.id);
      if (job === undefined || job.status !== 'queued') continue;
      job.queuePosition = record.queue?.position;
      view.changed(job);
    }
  } catch {
    // The state of the connection says it; the next turn tries again.
  }
}

function showConnection({ kind, retryMs = 0, reason }) {
  const words = {
    connecting: 'Connecting …',
    open: 'Connected',
    waiting: `Not connected, again in ${Math.ceil(retryMs / 1_000)} s`,
    stopped: `Refused: ${reason || 'reload the page'}`,
  };
  byId('connection').dataset.kind = kind;
  setText(byId('connection-words'), words[kind]);
}

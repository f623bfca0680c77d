import { describe, expect, it } from '@jest/globals';
import { Fold, MemoryStore, type FoldOf, type JobState } from '@stepcast/hub';
import { jobOptionsSchema, type JobEvent } from '@stepcast/protocol';
import type { ClaimedJob } from './log-session.js';
import { readPast } from './past.js';

const foldOf: FoldOf = (type) => (type === 'step' ? 'latest' : 'all');
const note = (text: string) => ({ type: 'note', data: JSON.stringify(text) });
const log = (message: string) => ({
  type: 'log',
  data: JSON.stringify({ level: 'info', message }),
});

/** A job in a memory store, and a writer that claims, appends and saves as a worker does. */
async function createJob() {
  const store = new MemoryStore({ now: () => 1 });
  const options = { ...jobOptionsSchema.parse({}), attempts: 9 };
  const onDisconnect = { policy: 'continue', graceMs: 0 } as const;
  const spec = { id: 'job', epoch: 'e1', model: 'm', input: '{}' };
  await store.records.create({ ...spec, options: { ...options, onDisconnect } });
  let claim: ClaimedJob;
  let count = 0;
  return {
    store,
    async claim() {
      const result = await store.writer.claim('job', 'w', { version: '1' });
      if (result.kind !== 'claimed') throw new Error(result.kind);
      claim = result;
      count = 0;
      return claim;
    },
    /** The claim as it would be if the job were open, with all that is in the log. */
    async claimOf(attempt: number): Promise<ClaimedJob> {
      const record = await store.records.get('job');
      if (record === undefined) throw new Error('no job');
      return { ...claim, attempt, record };
    },
    async append(...events: { type: string; data: string }[]) {
      const { attempt, record, token } = claim;
      const place = { job: 'job', attempt, token, epoch: record.epoch, expectedTop: 0 };
      await store.writer.append({ ...place, firstProducerSeq: count + 1, events });
      count += events.length;
    },
    async save() {
      const { attempt, record, token } = claim;
      const seq = (await store.records.get('job'))?.top ?? 0;
      const place = { job: 'job', attempt, token, epoch: record.epoch, seq };
      await store.writer.saveCheckpoint({ ...place, version: '1', data: 'x' });
      return seq;
    },
    /** What a viewer holds who has seen the whole log. */
    async viewer(): Promise<JobState> {
      const fold = new Fold(foldOf);
      const page = await store.reader.read('job', 0, 1_000);
      for (const { json } of page?.entries ?? []) fold.apply(JSON.parse(json) as JobEvent);
      return fold.state;
    },
  };
}

const stateOf = (text: string) => JSON.parse(text) as JobState;

describe('readPast', () => {
  it('is empty for the first attempt', async () => {
    const job = await createJob();

    const past = await readPast(job.store.reader, await job.claim(), foldOf);

    expect(past.voided).toBe(0);
    expect(stateOf(past.journal.encodeState())).toMatchObject({ attempt: 0, events: {} });
  });

  it('leaves nothing of the model without a checkpoint', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(log('kept'), note('a'));

    const { journal, voided } = await readPast(job.store.reader, await job.claim(), foldOf);

    expect(voided).toBe(0);
    const state = stateOf(journal.encodeState());
    expect(state).toMatchObject({ attempt: 2, events: {}, log: [{ message: 'kept' }] });
  });

  it('leaves what the checkpoint covers, and every log line', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(note('a'), log('before'));
    await job.save();
    await job.append(note('b'), log('behind'), note('c'));

    const { journal, voided } = await readPast(job.store.reader, await job.claim(), foldOf);

    expect(voided).toBe(2);
    const state = stateOf(journal.encodeState());
    expect(state).toMatchObject({ attempt: 2, status: 'running', events: { note: ['a'] } });
    expect(state.log).toMatchObject([{ message: 'before' }, { message: 'behind' }]);
    expect(journal.foldedTo).toBe(7);
  });

  it('voids nothing when nothing came behind the checkpoint', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(note('a'));
    await job.save();
    await job.append(log('behind'));

    expect((await readPast(job.store.reader, await job.claim(), foldOf)).voided).toBe(0);
  });

  it('voids nothing that a snapshot of an attempt before has voided', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(note('a'));
    await job.save();
    await job.append(note('b'));
    const first = await readPast(job.store.reader, await job.claim(), foldOf);
    await job.append({ type: 'snapshot', data: first.journal.encodeState() }, log('began'));

    const second = await readPast(job.store.reader, await job.claim(), foldOf);

    expect([first.voided, second.voided]).toEqual([1, 0]);
    expect(stateOf(second.journal.encodeState())).toMatchObject({ events: { note: ['a'] } });
  });

  it('agrees with every viewer through attempt upon attempt, however far each comes', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(note('0'));
    await job.save();
    // How many events each attempt emits, and whether it saves before the last of them.
    const attempts: [number, boolean][] = [
      [3, false],
      [0, false],
      [2, true],
      [1, false],
      [2, true],
      [0, true],
      [4, false],
    ];
    for (const [events, saves] of attempts) {
      const claim = await job.claim();
      const { journal, voided } = await readPast(job.store.reader, claim, foldOf);
      const state = journal.encodeState();
      const text = `of ${claim.attempt}`;
      await job.append(voided > 0 ? { type: 'snapshot', data: state } : log(text));

      expect((await job.viewer()).events).toEqual(stateOf(state).events);
      for (let index = 0; index < events; index++) {
        if (saves && index === events - 1) await job.save();
        await job.append(note(`${text}: ${index}`));
      }
    }

    const { journal } = await readPast(job.store.reader, await job.claim(), foldOf);
    expect(stateOf(journal.encodeState()).events).toEqual({ note: ['0', 'of 4: 0', 'of 6: 0'] });
  });

  it('tells what the log holds behind its snapshot, or behind the checkpoint (G4)', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(note('a'), note('b'));
    const restarted = await readPast(job.store.reader, await job.claim(), foldOf);
    expect(restarted.backlog).toEqual({ events: 3, bytes: expect.any(Number) });
    expect(restarted.backlog.bytes).toBeGreaterThan(200);

    await job.append(note('c'));
    await job.save();
    await job.append(note('d'));
    const resumed = await readPast(job.store.reader, await job.claim(), foldOf);
    expect(resumed.backlog.events).toBe(1);
  });

  it('tells of nothing once a snapshot stands for all of it (G4)', async () => {
    const job = await createJob();
    const { attempt, record, token } = await job.claim();
    await job.append(note('a'), note('b'));
    const place = { job: 'job', attempt, token, epoch: record.epoch };
    const state = { status: 'running', attempt: 1, log: [], events: { note: ['ab'] } };
    await job.store.writer.saveSnapshot({ ...place, seq: 3, state: JSON.stringify(state) });

    const { backlog } = await readPast(job.store.reader, await job.claim(), foldOf);

    expect(backlog).toEqual({ events: 0, bytes: 0 });
  });

  it('reads what a trimmed log has left of it', async () => {
    const job = await createJob();
    const { record, token } = await job.claim();
    await job.append(note('a'), note('b'));
    const seq = await job.save();
    const state = JSON.stringify({
      status: 'running',
      attempt: 1,
      log: [],
      events: { note: ['ab'] },
    });
    await job.store.writer.saveSnapshot({
      job: 'job',
      attempt: 1,
      token,
      epoch: record.epoch,
      seq,
      state,
    });
    await job.append(note('c'));

    const { journal, voided } = await readPast(job.store.reader, await job.claim(), foldOf);

    expect(voided).toBe(1);
    expect(stateOf(journal.encodeState()).events).toEqual({ note: ['ab'] });
  });

  it('leaves out what came after the claim, such as an end that Redis forgets again', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(log('first'));
    const claim = await job.claim();
    await job.append(note('later'), { type: 'failed', data: '{"code":"x","message":"x"}' });

    const { journal, voided } = await readPast(job.store.reader, claim, foldOf);

    expect(voided).toBe(0);
    expect(stateOf(journal.encodeState())).toMatchObject({ status: 'running', events: {} });
    expect(stateOf(journal.encodeState()).end).toBeUndefined();
  });

  it('takes no end for the past: one that lies where the claim found events is of another life', async () => {
    const job = await createJob();
    await job.claim();
    await job.append({ type: 'cancelled', data: '{"by":"user"}' });

    const { journal } = await readPast(job.store.reader, await job.claimOf(2), foldOf);

    expect(stateOf(journal.encodeState())).toMatchObject({ status: 'running', attempt: 2 });
    expect(stateOf(journal.encodeState()).end).toBeUndefined();
  });

  it('refuses to resume when the log was lost behind the claim', async () => {
    const job = await createJob();
    await job.claim();
    await job.append(note('a'));
    await job.save();
    const claim = await job.claim();
    job.store.loseLog('job');

    await expect(readPast(job.store.reader, claim, foldOf)).rejects.toThrow(/cannot be folded/);
  });
});

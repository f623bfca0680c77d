import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Fold, type AppendResult, type JobState, type StopOrder } from '@stepcast/hub';
import { StepcastError } from '@stepcast/protocol';
import { pino } from 'pino';
import { JobWriter } from './job-writer.js';
import { Journal, type Backlog } from './journal.js';
import { StoreClock } from './store-clock.js';
import { FakeLog, createClaim } from '../testing/fake-log.js';
import { waitFor } from '../../../libs/hub/testing/wait-for.js';

const foldOf = (type: string) => (type === 'step' ? 'latest' : 'all');

function create(
  log: FakeLog,
  limits: { events?: number; bytes?: number; inherited?: Backlog } = {},
) {
  const heard = {
    acked: 0,
    stops: [] as StopOrder[],
    revoked: [] as string[],
    sizes: [] as number[],
  };
  const claim = createClaim();
  const writer = new JobWriter({
    log,
    claim,
    journal: new Journal(foldOf, new Fold(foldOf)),
    clock: new StoreClock(claim.at),
    logger: pino({ level: 'silent' }),
    snapshotEvents: limits.events ?? 5_000,
    snapshotBytes: limits.bytes ?? 1_000_000,
    ...(limits.inherited && { inherited: limits.inherited }),
    version: '1',
    onAcked: (count) => (heard.acked += count),
    onStop: (order) => heard.stops.push(order),
    onOversize: () => undefined,
    onRevoked: (reason) => heard.revoked.push(reason),
    onAppended: (events) => heard.sizes.push(events),
  });
  const step = (number: number) => {
    writer.push({ type: 'step', data: String(number) }, { isFromHost: true });
  };
  return { writer, heard, step };
}

const stop: StopOrder = { by: 'client', reason: 'enough', at: 10_600 };
const unavailable = new StepcastError('unavailable');

describe('JobWriter', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('sends the first event at once and groups what comes while it is sent (W1, W2)', async () => {
    const log = new FakeLog();
    const { writer, heard, step } = create(log);

    for (let number = 1; number <= 600; number++) step(number);
    await writer.flush();

    expect(heard.sizes).toEqual([1, 256, 256, 87]);
    expect(log.typesAndData()).toEqual(Array.from({ length: 600 }, (_, i) => `step ${i + 1}`));
    expect(heard.acked).toBe(600);
    expect(log.batches.map((batch) => batch.expectedTop)).toEqual([1, 2, 258, 514]);
  });

  it('groups what arrives within a few milliseconds (W2)', async () => {
    jest.useFakeTimers();
    const { heard, step } = create(new FakeLog());
    step(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(heard.sizes).toEqual([1]);

    step(2);
    await jest.advanceTimersByTimeAsync(1);
    step(3);
    await jest.advanceTimersByTimeAsync(4);

    expect(heard.sizes).toEqual([1, 2]);
  });

  it('acknowledges only what is stored, and only what the host sent (W3)', async () => {
    const log = new FakeLog();
    let release: () => void = () => undefined;
    log.onAppend = () =>
      new Promise(
        (resolve) =>
          (release = () => {
            resolve(undefined);
          }),
      );
    const { writer, heard, step } = create(log);

    writer.push({ type: 'started', data: '{}' });
    step(1);
    expect(heard.acked).toBe(0);
    release();
    log.onAppend = () => undefined;
    await writer.flush();

    expect(heard.acked).toBe(1);
  });

  it('sends the same batch again while the store is unavailable (G1)', async () => {
    const log = new FakeLog();
    const seen: string[] = [];
    log.onAppend = (batch) => {
      seen.push(`${batch.firstProducerSeq}+${batch.events.length}`);
      if (seen.length < 3) throw unavailable;
      return undefined;
    };
    const { writer, step } = create(log);

    step(1);
    step(2);
    await writer.flush();

    expect(seen).toEqual(['1+1', '1+1', '1+1', '2+1']);
    expect(log.typesAndData()).toEqual(['step 1', 'step 2']);
  });

  it('stores once what was stored although the answer got lost', async () => {
    const log = new FakeLog();
    const { writer, step } = create(log);
    let isLost = true;
    const append = log.append.bind(log);
    log.append = async (batch) => {
      const result = await append(batch);
      if (isLost) {
        isLost = false;
        throw unavailable;
      }
      return result;
    };

    step(1);
    step(2);
    await writer.flush();

    expect(log.typesAndData()).toEqual(['step 1', 'step 2']);
  });

  it('reports an order to stop once, from an append or a check (G3)', async () => {
    const log = new FakeLog();
    log.stop = stop;
    const { writer, heard, step } = create(log);

    step(1);
    writer.check();
    await writer.flush();
    await waitFor(() => log.checks === 1);

    expect(heard.stops).toEqual([stop]);
  });

  it('does not check while appends are answered', async () => {
    const log = new FakeLog();
    const { writer, step } = create(log);
    step(1);
    await writer.flush();

    writer.check(500);
    await writer.flush();

    expect(log.checks).toBe(0);
  });

  it.each(['fenced', 'closed'] as const)('writes nothing more once %s (G2, W4)', async (fence) => {
    const log = new FakeLog();
    log.fence = fence;
    const { writer, heard, step } = create(log);

    step(1);
    expect(await writer.flush()).toBe(false);
    step(2);
    writer.check();

    expect(await writer.flush()).toBe(false);
    expect(heard).toMatchObject({ revoked: [fence], acked: 0 });
    expect(log.batches).toHaveLength(1);
  });

  it('skips what the log has already when it reports a gap', async () => {
    const log = new FakeLog();
    let isFirst = true;
    log.onAppend = (batch): AppendResult | undefined => {
      if (!isFirst || batch.events.length < 3) return undefined;
      isFirst = false;
      log.events.push(...batch.events.slice(0, 2));
      log.top += 2;
      log.producerSeq += 2;
      return { kind: 'gap', expectedProducerSeq: log.producerSeq + 1 };
    };
    const { writer, heard, step } = create(log);

    for (let number = 1; number <= 4; number++) step(number);
    await writer.flush();

    expect(log.typesAndData()).toEqual(['step 1', 'step 2', 'step 3', 'step 4']);
    expect(heard.acked).toBe(4);
  });

  it('brings a lost log back from memory and goes on (L6)', async () => {
    const log = new FakeLog();
    const { writer, step } = create(log);
    writer.push({ type: 'started', data: '{"worker":"w"}' });
    writer.push({ type: 'token', data: '"a"' });
    step(7);
    await writer.flush();
    log.lose();
    log.events = [];

    step(8);
    await writer.flush();

    expect(log.restores).toHaveLength(1);
    expect(log.restores[0]).toMatchObject({ seq: 5, producerSeq: 3, attempt: 1, input: '{}' });
    expect(JSON.parse(log.restores[0]?.state ?? '') as JobState).toMatchObject({
      status: 'running',
      attempt: 1,
      started: { worker: 'w' },
      events: { token: ['a'], step: 7 },
    });
    expect(log.typesAndData().at(-1)).toBe('step 8');
    expect(log.batches.at(-1)?.epoch).toBe(log.restores[0]?.epoch);
  });

  it('begins no life with an ended state when Redis forgets the end (G6)', async () => {
    const log = new FakeLog();
    const { writer, heard } = create(log);
    log.onCheck = () => ({ kind: 'lost' });
    writer.push({ type: 'started', data: '{}' });
    writer.push({ type: 'failed', data: '{"code":"x","message":"x"}' });
    await writer.flush();

    // As a look does that was due while the end was being stored.
    writer.check();
    await new Promise((resolve) => setImmediate(resolve));

    expect(log.typesAndData().at(-1)).toMatch(/^failed/);
    expect([log.restores, heard.revoked]).toEqual([[], []]);
  });

  it('notices a lost log by a check while the job is silent', async () => {
    const log = new FakeLog();
    const { writer, heard, step } = create(log);
    step(1);
    await writer.flush();
    log.onCheck = () => ({ kind: 'lost' });

    writer.check();
    await waitFor(() => log.restores.length === 1);
    step(2);
    await writer.flush();

    expect(heard.revoked).toEqual([]);
    expect(log.typesAndData().at(-1)).toBe('step 2');
  });

  it('saves a snapshot every so many events, folded by type (G4)', async () => {
    const log = new FakeLog();
    const { writer, step } = create(log, { events: 10 });

    for (let number = 1; number <= 25; number++) step(number);
    await writer.flush();

    expect(log.snapshots.map(({ seq }) => seq)).toEqual([26]);
    expect(JSON.parse(log.snapshots[0]?.state ?? '')).toMatchObject({ events: { step: 25 } });
  });

  it.each([
    ['events', { events: 10, inherited: { events: 8, bytes: 0 } }],
    ['bytes', { bytes: 100, inherited: { events: 0, bytes: 99 } }],
  ])('counts the %s that earlier attempts have left, once (G4)', async (_what, limits) => {
    const log = new FakeLog();
    const { writer, step } = create(log, limits);
    const write = async (from: number, to: number) => {
      for (let number = from; number <= to; number++) {
        step(number);
        await writer.flush();
      }
    };
    await write(1, 2);
    expect(log.snapshots).toHaveLength(1);

    await write(3, 9);
    expect(log.snapshots).toHaveLength(1);
  });

  describe('a checkpoint', () => {
    it('is saved behind exactly the events before it, and acknowledged then (W5, G5)', async () => {
      const log = new FakeLog();
      const { writer, heard, step } = create(log);
      step(1);
      await writer.flush();

      step(2);
      step(3);
      writer.checkpoint('at 3');
      step(4);
      await writer.flush();

      // Event 1 is the `queued` of the record: step n has seq n + 1.
      const { job, attempt, epoch, version } = log.checkpoints[0]!;
      expect({ job, attempt, epoch, version }).toEqual({
        ...{ job: 'job', attempt: 1, epoch: 'e1', version: '1' },
      });
      expect(log.checkpoints.map(({ seq, data }) => [seq, data])).toEqual([[4, 'at 3']]);
      expect(log.typesAndData().at(-1)).toBe('step 4');
      expect(heard.acked).toBe(5);
    });

    it('waits for nothing when everything before it is stored', async () => {
      const log = new FakeLog();
      const { writer, step } = create(log);
      step(1);
      await writer.flush();

      writer.checkpoint('at 1');
      await writer.flush();

      expect(log.checkpoints.map(({ seq }) => seq)).toEqual([2]);
    });

    it('takes the place of one that is not saved yet, and answers for both', async () => {
      const log = new FakeLog();
      const { writer, heard, step } = create(log);
      step(1);
      for (let number = 2; number <= 5; number++) {
        step(number);
        writer.checkpoint(`at ${number}`);
      }
      await writer.flush();

      expect(log.checkpoints.map(({ seq, data }) => [seq, data])).toEqual([[6, 'at 5']]);
      expect(heard.acked).toBe(9);
    });

    it('is saved in good time however often the model saves (W5)', async () => {
      const log = new FakeLog();
      const { writer, step } = create(log);
      let number = 0;
      const next = (): void => {
        step(++number);
        writer.checkpoint(`at ${number}`);
      };
      // Each time something is stored there is more already.
      log.onAppend = () => {
        if (number < 50) next();
        return undefined;
      };

      next();
      await writer.flush();
      await waitFor(() => log.checkpoints.at(-1)?.data === 'at 50');

      expect(log.checkpoints.length).toBeGreaterThan(20);
      for (const { seq, data } of log.checkpoints) expect(data).toBe(`at ${seq - 1}`);
    });

    it('is stored before a flush answers, and dropped at the end of the job', async () => {
      const log = new FakeLog();
      const { writer, step } = create(log);
      step(1);
      writer.checkpoint('at 1');
      expect(await writer.flush()).toBe(true);
      expect(log.checkpoints).toHaveLength(1);

      step(2);
      writer.checkpoint('at 2');
      writer.push({ type: 'completed', data: '{}' });

      expect(await writer.flush()).toBe(true);
      expect(log.checkpoints).toHaveLength(1);
    });

    it('ends the session when the job is another attempt (G2)', async () => {
      const log = new FakeLog();
      const { writer, heard, step } = create(log);
      step(1);
      await writer.flush();
      log.fence = 'fenced';

      writer.checkpoint('at 1');

      expect(await writer.flush()).toBe(true);
      await waitFor(() => heard.revoked.length === 1);
      expect(heard).toMatchObject({ revoked: ['fenced'], acked: 1 });
    });

    it('is saved in the new life of a log that was lost', async () => {
      const log = new FakeLog();
      const { writer, step } = create(log);
      step(1);
      await writer.flush();
      log.lose();

      writer.checkpoint('at 1');
      await writer.flush();

      expect(log.restores).toHaveLength(1);
      expect(log.checkpoints).toMatchObject([{ seq: 3, epoch: log.restores[0]?.epoch }]);
    });

    it('keeps the log from being trimmed beyond it (L9, G5)', async () => {
      const log = new FakeLog();
      const { writer, step } = create(log, { events: 10 });
      const steps = async (from: number, to: number) => {
        for (let number = from; number <= to; number++) step(number);
        await writer.flush();
      };

      await steps(1, 6);
      writer.checkpoint('at 6');
      await writer.flush();
      await steps(7, 12);

      expect(log.snapshots.map(({ seq }) => seq)).toEqual([7]);
      expect(JSON.parse(log.snapshots[0]!.state)).toMatchObject({ events: { step: 6 } });
    });

    it('is given up once the log would grow beyond its bound for it (G4)', async () => {
      const log = new FakeLog();
      const { writer, step } = create(log, { events: 10 });
      step(1);
      writer.checkpoint('at 1');
      await writer.flush();

      for (let number = 2; number <= 12; number++) {
        step(number);
        await writer.flush();
      }

      expect(log.snapshots.map(({ seq }) => seq)).toEqual([2, 12]);
    });
  });

  it('numbers what it remembers as the log does', async () => {
    const log = new FakeLog();
    const { writer, step } = create(log, { events: 4 });
    step(1);
    await writer.flush();

    for (const number of [2, 3, 4]) step(number);
    await writer.flush();

    expect(log.snapshots.map(({ seq }) => seq)).toEqual([5]);
  });

  it('gives up when it is told to', async () => {
    const log = new FakeLog();
    log.onAppend = () => {
      throw unavailable;
    };
    const { writer, heard, step } = create(log);
    step(1);
    const flushed = writer.flush();

    writer.abandon();

    expect(await flushed).toBe(false);
    expect(heard.revoked).toEqual(['abandoned']);
  });

  it('is broken by errors that are none of the store', async () => {
    const log = new FakeLog();
    log.onAppend = () => {
      throw new TypeError('a bug');
    };
    const { writer, heard, step } = create(log);

    step(1);

    expect(await writer.flush()).toBe(false);
    expect(heard.revoked).toEqual(['broken']);
  });
});

import { beforeAll, describe, expect, it } from '@jest/globals';

import { WsClient, call, openStream, submit, type JobView } from '../support/clients.js';
import { startApp, uniquePrefix, waitFor, type AppProcess } from '../support/stepcast.js';

const LEASE_MS = 6_000;
const EVERY_MS = 50;

let api: AppProcess;
let gateway: AppProcess;
let otherGateway: AppProcess;

beforeAll(async () => {
  const env = { KEY_PREFIX: uniquePrefix(), WORKER_SLOTS: '1' };
  await startApp('worker', env);
  [api, gateway, otherGateway] = await Promise.all([
    startApp('api', env),
    startApp('gateway', env),
    startApp('gateway', env),
  ]);
}, 60_000);

async function jobOf(id: string): Promise<JobView> {
  return (await call<JobView>(`${api.url}/v1/jobs/${id}`)).body;
}

async function endOf(id: string, deadlineMs = 20_000): Promise<JobView> {
  await waitFor(async () => (await jobOf(id))['finishedAt'] !== null, deadlineMs);
  return jobOf(id);
}

/** Runs a short job and says which host process ran it. */
async function hostOfNextJob(): Promise<unknown> {
  const stream = await openStream(`${gateway.url}/v1/models/pace/stream`, { body: { steps: 1 } });
  const events = await stream.record.ended();
  return events.find(({ type }) => type === 'started')?.data['host'];
}

const long = { steps: 2_000, everyMs: EVERY_MS };
const graceMs = 300;
const cancelling = { onDisconnect: { policy: 'cancel', graceMs } };

describe('the last holder leaves', () => {
  it('cancels the job within grace + one step + 100 ms, and the next job starts warm', async () => {
    const ws = await WsClient.connect(gateway.url);
    const job = await ws.submit('pace', long, cancelling);
    const events = await ws.record(job).until((seen) => seen.length >= 7);
    const leftAt = Date.now();
    await ws.close();

    const ended = await endOf(job);

    expect(ended).toMatchObject({ status: 'cancelled', cancel: { by: 'disconnect' } });
    // Measured bounds are the bench's business (bench/cancel.bench.ts); here, that it is not a timeout.
    expect(Number(ended['finishedAt']) - leftAt).toBeLessThan(graceMs + EVERY_MS + 1_000);
    const host = events.find(({ type }) => type === 'started')?.data['host'];
    expect(await hostOfNextJob()).toBe(host);
  });

  it('does the same for an SSE reader that goes away', async () => {
    const stream = await openStream(
      `${gateway.url}/v1/models/pace/stream?onDisconnect=cancel&graceMs=100`,
      { body: long },
    );
    await stream.record.until((seen) => seen.length >= 4);
    stream.cut();

    const ended = await endOf(String(stream.headers['stepcast-job']));

    expect(ended).toMatchObject({ status: 'cancelled', cancel: { by: 'disconnect' } });
  });

  it('is not the end when a holder comes back within grace, on another gateway, and loses nothing', async () => {
    const ws = await WsClient.connect(gateway.url);
    const options = { onDisconnect: { policy: 'cancel', graceMs: 3_000 } };
    const job = await ws.submit('pace', { steps: 60, everyMs: EVERY_MS }, options);
    await ws.record(job).until((seen) => seen.length >= 7);
    await ws.close();
    const before = ws.record(job);
    const position = `${String(ws.replies.get(1)?.['position']).split('.')[0]}.${before.last?.seq}`;

    const back = await WsClient.connect(otherGateway.url);
    await back.command('subscribe', { job, from: position });
    await back.record(job).ended();

    const whole = await openStream(
      `${api.url.replace(api.url, gateway.url)}/v1/jobs/${job}/events`,
    );
    await whole.record.ended();
    expect([...before.texts, ...back.record(job).texts]).toEqual(whole.record.texts);
    expect(whole.record.last?.type).toBe('completed');
    await back.close();
  });

  it('cancels although somebody who does not hold still watches, and tells that viewer', async () => {
    const ws = await WsClient.connect(gateway.url);
    const job = await ws.submit('pace', long, cancelling);
    const watcher = await openStream(`${gateway.url}/v1/jobs/${job}/events?hold=false`);
    await watcher.record.until((seen) => seen.length >= 5);
    await ws.close();

    const events = await watcher.record.ended();

    expect(events.at(-1)).toMatchObject({
      type: 'cancelled',
      data: { by: 'disconnect', stoppedAfterMs: expect.any(Number) },
    });
  });

  it('does not cancel while another holder stays', async () => {
    const ws = await WsClient.connect(gateway.url);
    const job = await ws.submit('pace', { steps: 30, everyMs: EVERY_MS }, cancelling);
    const other = await openStream(`${otherGateway.url}/v1/jobs/${job}/events`);
    await other.record.until((seen) => seen.length >= 5);
    await ws.close();

    expect((await other.record.ended()).at(-1)?.type).toBe('completed');
  });

  it('does not matter with policy continue: the job ends and a late viewer gets all of it', async () => {
    const { id } = await submit(api.url, 'pace', { steps: 15, everyMs: EVERY_MS });
    const stream = await openStream(`${gateway.url}/v1/jobs/${id}/events`);
    await stream.record.until((seen) => seen.length >= 5);
    stream.cut();

    expect((await endOf(id)).status).toBe('completed');
    const late = await openStream(`${otherGateway.url}/v1/jobs/${id}/events`);
    expect(await late.record.ended()).toHaveLength(18);
  });

  it('is found by the worker when the gateway is killed: lease + grace + one step', async () => {
    const doomed = await startApp('gateway', { KEY_PREFIX: prefixOf(api) });
    const ws = await WsClient.connect(doomed.url);
    const job = await ws.submit('pace', long, cancelling);
    await ws.record(job).until((seen) => seen.length >= 5);
    const killedAt = Date.now();
    await doomed.kill('SIGKILL');

    const ended = await endOf(job, LEASE_MS + 10_000);

    expect(ended).toMatchObject({ status: 'cancelled', cancel: { by: 'disconnect' } });
    expect(Number(ended['finishedAt']) - killedAt).toBeLessThan(
      LEASE_MS + graceMs + EVERY_MS + 1_000,
    );
    const { body } = await call<{ events: { type: string }[] }>(
      `${api.url}/v1/jobs/${job}/log?limit=1000`,
    );
    expect(body.events.filter(({ type }) => type === 'cancelled')).toHaveLength(1);
  }, 60_000);
});

describe('DELETE, sent to an API process that has no worker', () => {
  it('ends a running job, once, and the model stays warm', async () => {
    const before = await hostOfNextJob();
    const { id } = await submit(api.url, 'pace', long);
    await waitFor(async () => (await jobOf(id)).status === 'running');

    const first = await call(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' });
    const ended = await endOf(id);
    const again = await call(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' });

    expect(first.status).toBe(202);
    expect(ended).toMatchObject({ status: 'cancelled', cancel: { by: 'client' } });
    expect(again).toMatchObject({ status: 409, body: { code: 'already_finished' } });
    expect(await hostOfNextJob()).toBe(before);
  });

  it('ends a queued job: no step of it is ever run', async () => {
    const blocker = await submit(api.url, 'pace', long);
    await waitFor(async () => (await jobOf(blocker.id)).status === 'running');
    const queued = await submit(api.url, 'pace', long);
    expect(await jobOf(queued.id)).toMatchObject({ status: 'queued', queue: { position: 0 } });

    await call(`${api.url}/v1/jobs/${queued.id}`, { method: 'DELETE' });
    await call(`${api.url}/v1/jobs/${blocker.id}`, { method: 'DELETE' });
    await endOf(blocker.id);
    await hostOfNextJob();

    const { body } = await call<{ events: { type: string }[] }>(
      `${api.url}/v1/jobs/${queued.id}/log`,
    );
    expect(body.events.map(({ type }) => type)).toEqual(['queued', 'cancelled']);
  });

  it('a hundred times at once leaves one terminal event', async () => {
    const { id } = await submit(api.url, 'pace', long);
    await waitFor(async () => (await jobOf(id)).status === 'running');

    const answers = await Promise.all(
      Array.from({ length: 100 }, () => call(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' })),
    );
    await endOf(id);

    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
    const { body } = await call<{ events: { type: string }[] }>(`${api.url}/v1/jobs/${id}/log`);
    expect(body.events.filter(({ type }) => type === 'cancelled')).toHaveLength(1);
  });

  it('ends a model that ignores its signal: its process is killed, then cancelled is said', async () => {
    const before = await hostOfNextJob();
    const { id } = await submit(api.url, 'pace', { ...long, ignoreAbort: true });
    await waitFor(async () => (await jobOf(id)).status === 'running');

    await call(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' });
    const ended = await endOf(id, 30_000);
    const { cancel } = ended as unknown as { cancel: { stoppedAfterMs: number } };

    expect(ended.status).toBe('cancelled');
    expect(cancel.stoppedAfterMs).toBeGreaterThanOrEqual(5_000);
    expect(await hostOfNextJob()).not.toBe(before);
  }, 60_000);
});

/** The key prefix that an app was started with, from its start-up line. */
function prefixOf(app: AppProcess): string {
  const line = app.log.find((text) => text.includes('"KEY_PREFIX"')) ?? '';
  return /"KEY_PREFIX":"([^"]+)"/.exec(line)?.[1] ?? '';
}

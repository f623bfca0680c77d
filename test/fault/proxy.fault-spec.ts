// Fault 57 of docs/testing.md: the hub behind an nginx that nobody has set up for streams, and behind one as the
// docs have it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import {
  WsClient,
  call,
  openStream,
  submit,
  type OpenStream,
  type StreamRecord,
} from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { defaultSite, documentedSite, startNginx, stopAllNginx } from '../support/nginx.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { expectOneEnd } from '../support/one-end.js';
import { readLog } from '../support/read-log.js';
import { canTestWith, nginxProgram } from '../support/optional-program.js';
import { paceOnly, removePaceOnly } from '../support/pace-only.js';
import { waitFor } from '../support/wait.js';

const canTest = canTestWith(nginxProgram, 'The hub is not tested behind nginx');
const describeBehindNginx = canTest ? describe : describe.skip;

/** What nginx grants an upstream that says nothing, and ten seconds more. */
const IDLE_MS = 70_000;
const EVERY_MS = 400;

describeBehindNginx('57. behind nginx', () => {
  /** Its jobs wait for ever: nothing comes but what the hub sends by itself. */
  let idle: Cluster;
  let hub: Cluster;
  const baselines = new Map<Cluster, Baseline>();
  let address: string;
  let waiting: { job: string; since: number; streams: OpenStream[]; ws: WsClient };

  beforeAll(async () => {
    const env = { MODELS_DIR: await paceOnly(), WORKER_SLOTS: '4' };
    idle = await startCluster({ gateways: 1, workers: 0, env });
    baselines.set(idle, await baselineOf(idle));
    waiting = await beginToWait();
    hub = await startCluster({ redis: idle.redis, gateways: 1, env });
    baselines.set(hub, await baselineOf(hub));
    ({ url: address } = await startNginx(defaultSite(hub.gatewayUrls[0] ?? '')));
  }, 60_000);

  afterAll(stopAllNginx);
  afterAll(removePaceOnly);

  /** Viewers of a job that says nothing, through both kinds of nginx. */
  async function beginToWait(): Promise<typeof waiting> {
    const [gateway = ''] = idle.gatewayUrls;
    const [plain, documented] = await Promise.all([
      startNginx(defaultSite(gateway)),
      startNginx(await documentedSite(idle.api, gateway)),
    ]);
    // Through the documented proxy, which finds the API by its path.
    const { id: job } = await submit(documented.url, 'pace', {});
    const events = `/v1/jobs/${job}/events`;
    const ws = await WsClient.connect(documented.url, { origin: documented.url });
    await ws.command('subscribe', { job });
    const streams = await Promise.all([
      openStream(`${plain.url}${events}`),
      openStream(`${plain.url}${events}`, { headers: { accept: 'application/x-ndjson' } }),
      openStream(`${documented.url}${events}`),
    ]);
    for (const { record } of streams) await record.until((seen) => seen.length === 1);
    return { job, since: Date.now(), streams, ws };
  }

  const kinds = [
    { kind: 'SSE', accept: 'text/event-stream' },
    { kind: 'NDJSON', accept: 'application/x-ndjson' },
  ];

  it.each(kinds)(
    '57. $kind is not batched and not compressed: half of the steps arrive before the next one is made',
    async ({ accept }) => {
      const input = { steps: 10, everyMs: EVERY_MS };
      const headers = { accept, 'accept-encoding': 'gzip, deflate, br' };
      const stream = await openStream(`${address}/v1/models/pace/stream`, { headers, body: input });
      const job = String(stream.headers['stepcast-job']);
      const delays = await delaysOf(stream.record);

      expect(stream.headers['content-encoding']).toBeUndefined();
      expect(stream.headers['content-type']).toContain(accept);
      expect(stream.record.events).toEqual(await readLog(hub.api, job));
      expect(delays).toHaveLength(10);
      expect(delays.toSorted((a, b) => a - b)[5]).toBeLessThan(EVERY_MS);
    },
    30_000,
  );

  /** Of each step, from its storage to its arrival. Both are told by the clock of this machine. */
  async function delaysOf(record: StreamRecord): Promise<number[]> {
    const delays: number[] = [];
    await record.until((events) => {
      const steps = events.filter(({ type }) => type === 'step');
      for (const { at } of steps.slice(delays.length)) delays.push(Date.now() - at);
      return events.at(-1)?.type === 'completed';
    }, 25_000);
    return delays;
  }

  it('57. a cut stream is resumed by Last-Event-ID, and 204 ends it', async () => {
    const { id: job } = await submit(hub.api, 'pace', { steps: 30, everyMs: 20 });
    const url = `${address}/v1/jobs/${job}/events`;
    const texts: string[] = [];
    let lastId = '';
    for (let status = 200; status === 200;) {
      const headers = lastId === '' ? {} : { 'last-event-id': lastId };
      const stream = await openStream(url, { headers });
      const { record } = stream;
      await waitFor(() => record.texts.length >= 5 || record.isClosed, 20_000);
      stream.cut();
      await waitFor(() => record.isClosed);
      texts.push(...record.texts);
      ({ status } = stream);
      if (record.lastId !== '') ({ lastId } = record);
    }

    expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(await readLog(hub.api, job));
  }, 60_000);

  it('57. a viewer that leaves is seen to have left', async () => {
    const url = `${address}/v1/models/pace/stream?onDisconnect=cancel&graceMs=100`;
    const { headers, record, cut } = await openStream(url, { body: { steps: 2_000, everyMs: 50 } });
    await record.until((events) => events.length >= 5);
    cut();

    const { event } = await expectOneEnd(hub.api, String(headers['stepcast-job']));

    expect(event).toMatchObject({ type: 'cancelled', data: { by: 'disconnect' } });
  }, 30_000);

  it('57. 70 s of idling survive, over SSE, NDJSON and WebSocket', async () => {
    const { job, since, streams, ws } = waiting;
    await waitFor(() => Date.now() - since > IDLE_MS, IDLE_MS + 10_000);
    expect(streams.map(({ record }) => record.isClosed)).toEqual([false, false, false]);
    expect(ws.closeCode).toBeUndefined();

    const { status } = await call(`${idle.api}/v1/jobs/${job}`, { method: 'DELETE' });
    const { events } = await expectOneEnd(idle.api, job);

    expect(status).toBe(202);
    for (const record of [...streams.map((stream) => stream.record), ws.record(job)]) {
      expect(await record.ended()).toEqual(events);
    }
    await ws.close();
  }, 100_000);

  it('leaves nothing behind', async () => {
    for (const [cluster, baseline] of baselines) await expectNothingLeft(cluster, baseline);
  }, 90_000);
});

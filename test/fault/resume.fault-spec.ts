// Faults 55 and 56 of docs/testing.md: clients that come back by themselves, and positions that are none.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';

import { parsePosition } from '@stepcast/protocol';

import { launchBrowser } from '../support/browser.js';
import '../support/cleanup.js';
import { WsClient, call, openStream, submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { followByBrowser, followByPackage, type Follower } from '../support/native-event-source.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { expectOneEnd } from '../support/one-end.js';
import { readLog } from '../support/read-log.js';
import { canTestWith, chromiumProgram } from '../support/optional-program.js';
import { paceOnly, removePaceOnly } from '../support/pace-only.js';
import { sampleFold, stateFaults } from '../support/sample-folds.js';
import { waitFor } from '../support/wait.js';
import { Watcher, stopAllWatchers } from '../support/watcher.js';

const EVERY_MS = 50;
const hasBrowser = canTestWith(chromiumProgram, 'EventSource is not tested in a browser');

let hub: Cluster;
let baseline: Baseline;
let browser: Browser | undefined;

beforeAll(async () => {
  const env = { MODELS_DIR: await paceOnly(), WORKER_SLOTS: '4' };
  [hub, browser] = await Promise.all([
    startCluster({ env }),
    hasBrowser ? launchBrowser() : undefined,
  ]);
  baseline = await baselineOf(hub);
}, 60_000);

afterAll(() => browser?.close());
afterAll(removePaceOnly);

describe('55. a native EventSource', () => {
  let followers: Follower[] = [];

  afterAll(() => Promise.all(followers.map((follower) => follower.close())));

  async function follow(url: string): Promise<Follower[]> {
    const page = await browser?.newPage();
    followers = [
      followByPackage(url),
      ...(page === undefined ? [] : [await followByBrowser(page, url)]),
    ];
    return followers;
  }

  async function expectWhole(follower: Follower, job: string) {
    await waitFor(async () => (await follower.followed()).isClosed, 40_000).catch(async () => {
      const { texts, opens } = await follower.followed();
      const said = `${texts.length} events, ${opens} opens, ${follower.statuses.join(' ')}`;
      throw new Error(`${follower.name} has not stopped: ${said}`);
    });
    const reference = await openStream(`${hub.gatewayUrls[1]}/v1/jobs/${job}/events?hold=false`);
    await reference.record.ended();
    const { texts, opens } = await follower.followed();
    expect({ by: follower.name, texts }).toEqual({
      by: follower.name,
      texts: reference.record.texts,
    });
    return opens;
  }

  it('55. is stopped by 204 after the end, and asks no more', async () => {
    const { id: job } = await submit(hub.api, 'pace', { steps: 20, everyMs: EVERY_MS });

    for (const follower of await follow(`${hub.gatewayUrls[0]}/v1/jobs/${job}/events`)) {
      const opens = await expectWhole(follower, job);

      expect(opens).toBe(1);
      expect(follower.statuses).toEqual([200, 204]);
    }
  }, 60_000);

  it('55. comes back to a gateway that was drained and replaced, and has every event once', async () => {
    const doomed = await hub.add('gateway', { DRAIN_WINDOW_MS: '3000' });
    // Without them the job ends: a drain must not look like viewers who left.
    const options = { onDisconnect: { policy: 'cancel', graceMs: 100 } };
    const { id: job } = await submit(hub.api, 'pace', { steps: 100, everyMs: EVERY_MS }, options);
    const url = `${doomed.url}/v1/jobs/${job}/events`;
    const all = await follow(url);
    for (const follower of all) {
      await waitFor(async () => (await follower.followed()).texts.length >= 5);
    }

    const exited = doomed.kill('SIGTERM');
    await waitFor(async () => (await fetch(`${doomed.url}/health/ready`)).status === 503);
    // Any other status would make an EventSource give up for good.
    const answer = await fetch(url);
    expect({ status: answer.status, text: await answer.text() }).toEqual({
      status: 200,
      text: 'retry: 5000\n\n',
    });
    await exited;
    await hub.add('gateway', { PORT: new URL(doomed.url).port });

    for (const follower of all) {
      const opens = await expectWhole(follower, job);

      expect(opens).toBeGreaterThanOrEqual(2);
      expect(follower.statuses.at(-1)).toBe(204);
      expect(new Set(follower.statuses)).toEqual(new Set([200, 204]));
    }
    expect((await expectOneEnd(hub.api, job)).record.status).toBe('completed');
  }, 90_000);
});

describe('56. a position that is not one of this log', () => {
  const input = { steps: 12, everyMs: EVERY_MS };
  let ended: string;
  let other: string;
  let otherEpoch: string;

  beforeAll(async () => {
    const jobs = await Promise.all([
      submit(hub.api, 'pace', input),
      submit(hub.api, 'pace', { steps: 3, everyMs: 0 }),
    ]);
    [ended = '', other = ''] = jobs.map(({ id }) => id);
    otherEpoch = parsePosition(jobs[1].position).epoch;
    await Promise.all([ended, other].map((job) => expectOneEnd(hub.api, job)));
  }, 30_000);

  /** What it is, by the epoch of the job that is asked for. */
  const foreign = {
    'of another job': () => `${otherEpoch}.3`,
    'of another epoch': () => `0000000000000000.4`,
    'from the future': (epoch: string) => `${epoch}.4000`,
    'from a future that no log reaches': (epoch: string) => `${epoch}.999999999999999`,
  };
  const wrong = Object.entries(foreign).map(([what, of]) => ({ what, of }));
  const epochOf = ({ position }: { position: string }) => parsePosition(position).epoch;
  const jobOf = async (id: string) =>
    (await call<{ position: string }>(`${hub.api}/v1/jobs/${id}`)).body;

  /** What a stream of a job said: `lost`, a snapshot, and the events behind that. */
  async function expectAnew(job: string, texts: readonly string[]) {
    const [reset, snapshot, ...events] = texts.map(
      (text) => JSON.parse(text) as Record<string, unknown>,
    );
    expect(reset).toMatchObject({ reason: 'lost', job });
    const { epoch, seq } = parsePosition(String(snapshot?.['position']));
    expect(epoch).toBe(epochOf(await jobOf(job)));
    expect(events).toEqual((await readLog(hub.api, job)).slice(seq));
    expect(snapshot).toHaveProperty('state.status', 'queued');
  }

  it.each(wrong)(
    '56. $what: `lost`, a snapshot and the truth, over WebSocket and SSE, from both gateways',
    async ({ of }) => {
      const running = await submit(hub.api, 'pace', input);
      const watch = (job: string, epoch: string) =>
        (['ws', 'sse'] as const).flatMap((transport) =>
          [0, 1].map((at) => {
            const gateways = hub.gatewayUrls.slice(0, 2);
            const seat = { transport, foldOf: sampleFold('pace'), hold: false };
            return new Watcher({ job, gateways, from: of(epoch), ...seat }, at);
          }),
        );
      const epoch = epochOf(await jobOf(ended));

      for (const watcher of [...watch(running.id, epochOf(running)), ...watch(ended, epoch)]) {
        const seen = await watcher.ended();
        expect(seen.resets).toEqual(['lost']);
        expect(seen.faults).toEqual([]);
        expect(seen.state.status).toBe('completed');
        expect(stateFaults('pace', input, seen.state)).toEqual([]);
      }
    },
    30_000,
  );

  it.each(wrong)(
    '56. $what, in `Last-Event-ID`: the same, and it wins over `from`',
    async ({ of }) => {
      const epoch = epochOf(await jobOf(ended));
      for (const accept of ['text/event-stream', 'application/x-ndjson']) {
        const url = `${hub.gatewayUrls[0]}/v1/jobs/${ended}/events?from=start`;
        const headers = { 'last-event-id': of(epoch), accept };
        const { status, record } = await openStream(url, { headers });
        await waitFor(() => record.isClosed);

        expect(status).toBe(200);
        await expectAnew(ended, record.texts);
      }
    },
  );

  it.each(wrong)(
    '56. $what, in the log for readers that poll: `reset`, and all of it',
    async ({ of }) => {
      const { position } = await jobOf(ended);
      const from = of(parsePosition(position).epoch);
      const { status, body } = await call(
        `${hub.api}/v1/jobs/${ended}/log?limit=1000&from=${from}`,
      );

      expect(status).toBe(200);
      expect(body).toMatchObject({ reset: true, closed: true, position });
      expect(body['events']).toEqual(await readLog(hub.api, ended));
    },
  );

  it('56. two jobs whose positions are swapped, in one EventSource: both begin anew', async () => {
    const jobs = [ended, other];
    const positions = await Promise.all(jobs.map(async (job) => (await jobOf(job)).position));
    const url = `${hub.gatewayUrls[0]}/v1/events?job=${ended}&job=${other}`;
    const swapped = `${ended}:${positions[1]},${other}:${positions[0]}`;
    const { status, record } = await openStream(url, { headers: { 'last-event-id': swapped } });
    await waitFor(() => record.isClosed);

    expect(status).toBe(200);
    for (const job of jobs)
      await expectAnew(
        job,
        record.texts.filter((text) => text.includes(job)),
      );
    const inOrder = jobs.map((job, index) => `${job}:${positions[index]}`).join(',');
    expect(record.lastId).toBe(inOrder);
    expect((await fetch(url, { headers: { 'last-event-id': inOrder } })).status).toBe(204);
  });

  const garbage = [
    'nonsense',
    '.5',
    'k3.',
    'k3.-1',
    'k3.1.5',
    'k3.1e3',
    'k3.01',
    'k3.9999999999999999',
    'k-3.1',
    'START',
    `${'k'.repeat(33)}.1`,
    '%00.1',
  ].map((text) => ({ text }));

  it.each(garbage)(
    '56. garbage, $text: refused with its code; a connection lives',
    async ({ text }) => {
      const [first = '', second = ''] = hub.gatewayUrls;
      const refusal = { status: 400, body: { code: 'invalid_position' } };
      const from = encodeURIComponent(decodeURIComponent(text));
      const events = `/v1/jobs/${ended}/events`;

      expect(await call(`${first}${events}?from=${from}`)).toMatchObject(refusal);
      expect(await call(`${hub.api}/v1/jobs/${ended}/log?from=${from}`)).toMatchObject(refusal);
      const headers = { 'last-event-id': text };
      expect(await call(`${second}${events}`, { headers })).toMatchObject(refusal);

      const ws = await WsClient.connect(second);
      const refused = await ws.command('subscribe', { job: ended, from: decodeURIComponent(text) });
      expect(refused).toMatchObject({ op: 'error', code: 'invalid_position', retryable: false });
      await ws.command('subscribe', { job: ended });
      expect((await ws.record(ended).ended()).at(-1)?.type).toBe('completed');
      await ws.close();
    },
  );
});

it('leaves nothing behind', async () => {
  stopAllWatchers();
  await expectNothingLeft(hub, baseline);
}, 60_000);

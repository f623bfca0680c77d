import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';

import { WsClient, call, openStream, submit } from '../support/clients.js';
import { startApp, uniquePrefix, within, type AppProcess } from '../support/stepcast.js';

let hub: AppProcess;

beforeAll(async () => {
  hub = await startApp('standalone', { KEY_PREFIX: uniquePrefix() });
}, 60_000);

const ndjson = { headers: { accept: 'application/x-ndjson' } };

describe('viewers of one job', () => {
  it('hold byte-identical lists, from the start, from step 10 and after the end, on three transports', async () => {
    const ws = await WsClient.connect(hub.url);
    const job = await ws.submit('pace', { steps: 20, everyMs: 30 });
    const first = ws.record(job);
    await first.until((events) => events.some(({ data }) => data['step'] === 10));
    const sse = await openStream(`${hub.url}/v1/jobs/${job}/events?hold=false`);
    await first.ended();
    await sse.record.ended();
    const late = await openStream(`${hub.url}/v1/jobs/${job}/events`, ndjson);
    await late.record.ended();

    expect(first.events.map(({ seq }) => seq)).toEqual(first.texts.map((_, index) => index + 1));
    expect(first.types()).toEqual(['queued', 'started', ...Array(20).fill('step'), 'completed']);
    expect(sse.record.texts).toEqual(first.texts);
    expect(late.record.texts).toEqual(first.texts);
    await ws.close();
  });

  it('see the same events as a reader of the log', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 3, everyMs: 0 });
    const stream = await openStream(`${hub.url}/v1/jobs/${id}/events`);
    const events = await stream.record.ended();

    const { body } = await call(`${hub.url}/v1/jobs/${id}/log`);

    expect(body).toMatchObject({ events, closed: true, position: stream.record.lastId });
  });

  it('resume at any event by Last-Event-ID with the same list, and get 204 at the end', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 12, everyMs: 0 });
    const url = `${hub.url}/v1/jobs/${id}/events`;
    const whole = await openStream(url);
    await whole.record.ended();
    const [epoch] = whole.record.lastId.split('.');

    for (let seq = 0; seq < whole.record.texts.length; seq++) {
      const rest = await openStream(url, { headers: { 'last-event-id': `${epoch}.${seq}` } });
      await rest.record.ended();
      expect(rest.record.texts).toEqual(whole.record.texts.slice(seq));
    }
    const after = await fetch(url, { headers: { 'last-event-id': whole.record.lastId } });
    expect(after.status).toBe(204);
  });

  it('cut while the job runs, an SSE viewer comes back to the rest', async () => {
    const response = await openStream(`${hub.url}/v1/models/pace/stream`, {
      body: { steps: 15, everyMs: 20 },
    });
    const job = String(response.headers['stepcast-job']);
    const texts: string[] = [];
    let { record, cut } = response;
    while (record.last?.type !== 'completed') {
      await record.until((events) => events.length >= 3 || events.at(-1)?.type === 'completed');
      cut();
      texts.push(...record.texts);
      if (record.last?.type === 'completed') break;
      ({ record, cut } = await openStream(`${hub.url}/v1/jobs/${job}/events`, {
        headers: { 'last-event-id': record.lastId },
      }));
    }
    const whole = await openStream(`${hub.url}/v1/jobs/${job}/events`);
    await whole.record.ended();

    expect(texts).toEqual(whole.record.texts);
  });

  it('with from=now see only what comes', async () => {
    const ws = await WsClient.connect(hub.url);
    const job = await ws.submit('pace', { steps: 10, everyMs: 40 });
    await ws.record(job).until((events) => events.length >= 5);

    const now = await openStream(`${hub.url}/v1/jobs/${job}/events?from=now`);
    const seen = await now.record.ended();

    expect(seen[0]?.seq).toBeGreaterThanOrEqual(5);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => (seen[0]?.seq ?? 0) + index));
    await ws.close();
  });

  it('of several jobs share one SSE stream, which resumes and ends with the last of them', async () => {
    const jobs = await Promise.all(
      [6, 9].map((steps) => submit(hub.url, 'pace', { steps, everyMs: 20 })),
    );
    const query = jobs.map(({ id }) => `job=${id}`).join('&');
    const first = await openStream(`${hub.url}/v1/events?${query}`);
    await first.record.until((events) => events.length >= 6);
    first.cut();
    const resumed = await openStream(`${hub.url}/v1/events?${query}`, {
      headers: { 'last-event-id': first.record.lastId },
    });
    await resumed.record.until(
      (events) => events.filter(({ type }) => type === 'completed').length === 2,
    );
    await within(
      resumed.record.until(() => resumed.record.isClosed),
      5_000,
      'the end of the stream',
    );

    const texts = [...first.record.texts, ...resumed.record.texts];
    for (const { id } of jobs) {
      const seqs = texts
        .filter((text) => text.includes(id))
        .map((text) => (JSON.parse(text) as { seq: number }).seq);
      expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    }
    const end = await fetch(`${hub.url}/v1/events?${query}`, {
      headers: { 'last-event-id': resumed.record.lastId },
    });
    expect(end.status).toBe(204);
  });
});

describe('clients that we did not write', () => {
  it('EventSource: receives every event once and stops after the end', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 5, everyMs: 10 });
    const source = new EventSource(`${hub.url}/v1/jobs/${id}/events`);
    const steps: unknown[] = [];
    source.addEventListener('step', ({ data }) =>
      steps.push((JSON.parse(String(data)) as { data: { step: number } }).data.step),
    );
    // After the terminal event the hub ends the stream; the reconnect gets 204, which is an error to
    // EventSource, and closes it for good.
    const closed = new Promise<void>((resolve) => {
      source.addEventListener('error', () => {
        if (source.readyState === EventSource.CLOSED) resolve();
      });
    });

    await within(closed, 20_000, 'EventSource to close');

    expect(steps).toEqual([1, 2, 3, 4, 5]);
  });

  it('fetch: reads the stream that submits', async () => {
    const response = await fetch(`${hub.url}/v1/models/pace/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ steps: 3, everyMs: 0 }),
    });
    const text = await response.text();

    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store, no-transform');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('location')).toBe(
      `/v1/jobs/${response.headers.get('stepcast-job')}`,
    );
    expect(text).toMatch(/^retry: 1000\nid: [A-Za-z0-9]+\.0\ndata:\n\n/);
    expect(text.match(/^event: (\w+)$/gm)?.map((line) => line.slice(7))).toEqual([
      'queued',
      'started',
      'step',
      'step',
      'step',
      'completed',
    ]);
  });

  it('curl: streams 20 pictures that grow and one completed', async () => {
    const { stdout } = await promisify(execFile)(
      'curl',
      [
        '-sN',
        `${hub.url}/v1/models/sketch/stream`,
        '-H',
        'content-type: application/json',
        '-d',
        '{"prompt":"a big red circle on a blue background","steps":20,"seed":7}',
      ],
      { maxBuffer: 16 * 1024 * 1024 },
    );
    const events = [...stdout.matchAll(/^data: (\{.*\})$/gm)].map(
      ([, json]) => JSON.parse(json ?? '') as { type: string; data: Record<string, unknown> },
    );
    const steps = events.filter(({ type }) => type === 'step');

    expect(steps.map(({ data }) => data['step'])).toEqual(steps.map((_, index) => index + 1));
    expect(steps).toHaveLength(20);
    expect(new Set(steps.map(({ data }) => data['preview'])).size).toBe(20);
    expect(events.filter(({ type }) => type === 'completed')).toHaveLength(1);
    expect(events.at(-1)?.data['output']).toMatchObject({
      image: expect.stringMatching(/^data:image\/png;base64,/),
      seed: 7,
    });
  });

  it('HTTP/1.0 readers get the stream without chunks', async () => {
    const { id } = await submit(hub.url, 'pace', { steps: 2, everyMs: 0 });
    const { stdout } = await promisify(execFile)('curl', [
      '-sN',
      '--http1.0',
      `${hub.url}/v1/jobs/${id}/events`,
      '-H',
      'accept: application/x-ndjson',
    ]);

    const types = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types).toEqual(['queued', 'started', 'step', 'step', 'completed']);
  });
});

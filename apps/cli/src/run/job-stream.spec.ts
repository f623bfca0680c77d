import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { encodePosition } from '@stepcast/protocol';
import { CliError } from '../cli-error.js';
import { HubClient } from '../hub-client.js';
import { followJob, type JobStreamOptions } from './job-stream.js';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A hub whose answers are these, one for each connection. */
async function hubOf(
  ...answers: readonly ((response: ServerResponse) => void)[]
): Promise<HubClient> {
  let index = 0;
  server = createServer((_, response) => {
    answers[index++]?.(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new HubClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

const line = (seq: number, type: string): string => `${JSON.stringify({ seq, type, data: {} })}\n`;

/** An empty line now and then, as the hub sends one. */
function beat(response: ServerResponse): void {
  const timer = setInterval(() => response.write('\n'), 20);
  response.on('close', () => {
    clearInterval(timer);
  });
}

function follow(hub: HubClient, options: Partial<JobStreamOptions> = {}) {
  const breaks: string[] = [];
  const lines = followJob(hub, {
    job: 'job',
    position: encodePosition({ epoch: 'abcdefgh', seq: 0 }),
    onBreak: (reason) => breaks.push(reason),
    ...options,
  });
  return { lines, breaks };
}

describe('followJob', () => {
  it('S3: keeps the connection while whoever takes the lines takes their time', async () => {
    const hub = await hubOf((response) => {
      response.write(line(1, 'step'));
      beat(response);
      setTimeout(() => response.write(line(2, 'completed')), 3000);
    });
    const { lines, breaks } = follow(hub, { silenceMs: 1000 });

    await lines.next();
    await wait(2500);

    expect((await lines.next()).value).toMatchObject({ message: { type: 'completed' } });
    expect(breaks).toEqual([]);
  });

  it('S3: leaves a connection that says nothing', async () => {
    const hub = await hubOf(
      (response) => response.write(line(1, 'step')),
      (response) => response.write(line(2, 'completed')),
    );
    const { lines, breaks } = follow(hub, { silenceMs: 500 });

    await lines.next();

    expect((await lines.next()).value).toMatchObject({ message: { type: 'completed' } });
    expect(breaks).toEqual(['the connection broke']);
  });

  it('S4: hears heartbeats, and is patient from the first failure on', async () => {
    const hub = await hubOf(
      (response) => {
        response.write(line(1, 'step'));
        beat(response);
        setTimeout(() => response.destroy(), 1000);
      },
      (response) => response.write(line(2, 'completed')),
    );
    const { lines } = follow(hub, { patienceMs: 300 });

    await lines.next();

    expect((await lines.next()).value).toMatchObject({ message: { type: 'completed' } });
  });

  it('S4: gives up when the hub stays away', async () => {
    const { lines, breaks } = follow(await hubOf(...Array<typeof leave>(20).fill(leave)), {
      patienceMs: 300,
    });

    await expect(lines.next()).rejects.toThrow(/not heard for/);
    expect(breaks.length).toBeGreaterThan(1);
  });

  it.each(['<html>\n', 'null\n', '{"a":1}\n'])('refuses a stream that holds %j', async (text) => {
    const { lines } = follow(await hubOf((response) => response.end(text)));

    await expect(lines.next()).rejects.toThrow(CliError);
  });
});

function leave(response: ServerResponse): void {
  response.destroy();
}

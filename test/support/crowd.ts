// Viewers that are connected already and subscribe all at the same moment.
import { once } from 'node:events';
import net from 'node:net';
import { WebSocket } from 'ws';

import { sampleFold } from './sample-folds.js';
import { Seen } from './seen.js';
import type { SubmittedJob } from './viewers.js';
import { openSse, openWs, type Sink } from './watch-connections.js';

/** Fewer than a server keeps in its accept queue (511). */
const BATCH = 250;

export interface CrowdMember {
  /** Begins to watch a job over the open connection. */
  join(job: SubmittedJob): { readonly seen: Seen };
}

/** Opens `count` connections, every other one for SSE. */
export async function openCrowd(gateway: string, count: number): Promise<CrowdMember[]> {
  const members: CrowdMember[] = [];
  while (members.length < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - members.length) }, (_, index) =>
      index % 2 === 0 ? openForWs(gateway) : openForSse(gateway),
    );
    members.push(...(await Promise.all(batch)));
  }
  return members;
}

async function openForWs(gateway: string): Promise<CrowdMember> {
  const ws = new WebSocket(`${gateway.replace('http', 'ws')}/v1/ws`, 'stepcast.v1.json');
  await once(ws, 'open');
  return {
    join: (job) => {
      const seen = new Seen({ foldOf: sampleFold(job.model) });
      openWs({ gateway, job: job.id, hold: true, from: 'start' }, sinkOf(seen), ws);
      return { seen };
    },
  };
}

async function openForSse(gateway: string): Promise<CrowdMember> {
  const { hostname: host, port } = new URL(gateway);
  const socket = net.connect({ host, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  return {
    join: (job) => {
      const seen = new Seen({ foldOf: sampleFold(job.model) });
      openSse({ gateway, job: job.id, hold: true, from: 'start' }, sinkOf(seen), socket);
      return { seen };
    },
  };
}

/** Without coming back: a member that is sent away has seen no end. */
function sinkOf(seen: Seen): Sink {
  return {
    event: (text, id) => {
      seen.event(text, id);
    },
    reset: (reason) => {
      seen.reset(reason);
    },
    snapshot: (position, state) => {
      seen.snapshot(position, state);
    },
    began: (position) => {
      seen.begin(position);
    },
    gone: () => undefined,
    closed: () => undefined,
  };
}

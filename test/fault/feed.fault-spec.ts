import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import '../support/cleanup.js';
import { submit } from '../support/clients.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { metric } from '../support/insight.js';
import { startMonitor } from '../support/monitor.js';
import { baselineOf, expectNothingLeft, type Baseline } from '../support/nothing-left.js';
import { feedMessage } from '../support/redis-replies.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import {
  allEnded,
  occupy,
  viewerFaults,
  watchEverywhere,
  type SubmittedJob,
} from '../support/viewers.js';
import { waitFor } from '../support/wait.js';
import { stopAllWatchers, type Watcher } from '../support/watcher.js';

const INPUT = { steps: 40, everyMs: 25 };
/** How often a gateway compares its channels with Redis, and what a busy machine may add to it. */
const AUDIT_MS = 3_000;
const SLACK_MS = 5_000;

let cluster: Cluster;
let baseline: Baseline;
let proxy: TcpProxy;

beforeAll(async () => {
  cluster = await startCluster({ through: ['gateway'] });
  proxy = cluster.proxies.gateway!;
  baseline = await baselineOf(cluster);
}, 60_000);

afterEach(async () => {
  proxy.judgeReplies(undefined);
  stopAllWatchers();
  await expectNothingLeft(cluster, baseline);
}, 60_000);

/** Fifty viewers of each transport on each gateway, of a job that runs when it is released. */
async function startWatched(): Promise<{
  job: SubmittedJob;
  watchers: Watcher[];
  release: () => Promise<void>;
}> {
  const release = await occupy(cluster);
  const { id } = await submit(cluster.api, 'pace', INPUT);
  const job = { id, model: 'pace', input: INPUT };
  const watchers = Array.from({ length: 50 }, () => watchEverywhere(cluster, job)).flat();
  await waitFor(() => watchers.every(({ seen }) => seen.seq > 0), 60_000);
  return { job, watchers, release };
}

const ofEachGateway = (name: string) =>
  Promise.all(cluster.gateways.map((app) => metric(app, name)));

/** Gaps that each gateway has healed by now. */
const healedGaps = () => ofEachGateway('stepcast_gaps_healed_total');

/** Audits of each gateway that found something. */
const auditsThatFound = () => ofEachGateway('stepcast_audit_differences_total');

describe('a message of pub/sub that Redis did not deliver', () => {
  it('25. in the midst of a job is healed by one read per gateway, and nobody is disconnected', async () => {
    const monitor = await startMonitor(cluster.redis.url);
    const { job, watchers, release } = await startWatched();
    const healedBefore = await healedGaps();
    let newest = 0;
    let lost = 0;
    let drops = 0;
    proxy.judgeReplies((frame) => {
      const message = feedMessage(frame, job.id);
      if (message === undefined) return 'pass';
      // The same message for every gateway: the first that none of them has heard of.
      if (lost === 0 && newest > 0 && message.seq > newest) lost = message.seq;
      newest = Math.max(newest, message.seq);
      if (message.seq !== lost) return 'pass';
      drops++;
      return 'drop';
    });

    await release();
    await allEnded(watchers);

    expect(drops).toBe(cluster.gateways.length);
    expect(await viewerFaults(cluster, job, watchers)).toEqual([]);
    expect(watchers.filter(({ connects }) => connects > 1)).toEqual([]);
    const meta = `${cluster.prefix}:{${job.id}}:meta`;
    const heals = monitor.reads(meta).filter(({ after }) => after === lost - 1);
    expect(heals).toHaveLength(cluster.gateways.length);
    // By the gap that the next message showed, not by the audit.
    expect(await healedGaps()).toEqual(healedBefore.map((count) => count + 1));
    monitor.stop();
  }, 90_000);

  it('26. as the last of a job is found by the audit, and nobody is disconnected', async () => {
    const { job, watchers, release } = await startWatched();
    const [healedBefore, foundBefore] = [await healedGaps(), await auditsThatFound()];
    let drops = 0;
    proxy.judgeReplies((frame) => {
      const isLast = feedMessage(frame, job.id)?.types.includes('completed') === true;
      if (isLast) drops++;
      return isLast ? 'drop' : 'pass';
    });

    await release();
    await waitFor(() => drops === cluster.gateways.length, 30_000);
    await allEnded(watchers, AUDIT_MS + SLACK_MS);

    expect(drops).toBe(cluster.gateways.length);
    expect(await viewerFaults(cluster, job, watchers)).toEqual([]);
    expect(watchers.filter(({ connects }) => connects > 1)).toEqual([]);
    for (const [index, count] of (await auditsThatFound()).entries()) {
      expect(count).toBeGreaterThan(foundBefore[index]!);
    }
    expect(await healedGaps()).toEqual(healedBefore);
  }, 90_000);
});

#!/usr/bin/env node
// npm start: the whole hub from a fresh clone. Plain Node, because it runs before anything is installed.
import { exampleCommand } from './lib/hub-address.mjs';
import { startHub } from './lib/hub-process.mjs';
import { openRedis } from './lib/open-redis.mjs';
import { setUp } from './lib/setup.mjs';
import { listenForStop } from './lib/stop-request.mjs';
import { runMain } from './lib/stop.mjs';

await runMain(async () => {
  await setUp();
  const redis = await openRedis(process.env['REDIS_URL']);
  const stop = listenForStop();
  // Redis outlives the hub, whose drain writes to it.
  return runHub(redis, stop).finally(() => redis.close());
});

/**
 * @param {import('./lib/own-redis.mjs').OpenRedis} redis
 * @param {ReturnType<typeof listenForStop>} stop
 */
async function runHub(redis, stop) {
  const stopping = Promise.race([
    stop.requested.then((reason) => ({ reason, code: undefined })),
    redis.lost.then((reason) => ({ reason, code: 1 })),
  ]);
  console.log('starting the hub …');
  const { url, grpcUrl, child, isReady } = await startHub({ redisUrl: redis.url, stopping });
  void stop.insisted.then(child.kill);

  if (isReady) {
    const grpc = grpcUrl.slice('http://'.length);
    console.log(`\nStepcast is ready: ${url}/ (gRPC: ${grpc})\n${exampleCommand(url)}`);
  }

  const end = await Promise.race([stopping, child.exited.then(() => undefined)]);
  if (!end) {
    const code = await child.exited;
    console.error(`The hub ended by itself (exit code ${code}).`);
    return code || 1;
  }
  console.log(`\nstopping (${end.reason}) …`);
  const hubCode = await child.stop('SIGTERM');
  return end.code ?? hubCode;
}

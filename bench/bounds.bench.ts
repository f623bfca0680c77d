// How long does each recovery take? `npm run bench -- bounds [--trials 50] [--only name,name]`
//
// Method: for each bound a hub of its own, of real processes with the default configuration around a Redis
// of its own; at least 50 trials; viewers are the clients of the fault tests, and a trial with a hole or a
// repeat fails the bench. Wants a quiet machine: what else runs is in the worst of them.
import { parseArgs } from 'node:util';

import { stopAllApps } from '../test/support/app-process.js';
import { gatewayBound } from './bounds/gateway.js';
import { auditBound, gapBound } from './bounds/message.js';
import { redisBound } from './bounds/redis.js';
import { tabBound } from './bounds/tab.js';
import { workerBound } from './bounds/worker.js';
import { describeMachine } from './statistics.js';

const { values } = parseArgs({
  options: { trials: { type: 'string', default: '50' }, only: { type: 'string' } },
});
const trials = Number(values.trials);
const only = values.only?.split(',');
const all = [workerBound, gatewayBound, tabBound, redisBound, gapBound, auditBound];

console.log(`bounds: ${describeMachine()}; steps of 20 ms; milliseconds\n`);
console.log('| what | trials | median | worst | promised |');
console.log('| --- | ---: | ---: | ---: | --- |');
for (const { name, what, promised, measure } of all) {
  if (only?.includes(name) === false) continue;
  const times = (await measure(trials)).sort((one, other) => one - other);
  const median = times[Math.floor(times.length / 2)] ?? NaN;
  const worst = times.at(-1) ?? NaN;
  console.log(
    `| ${what} | ${times.length} | ${median.toFixed(0)} | ${worst.toFixed(0)} | ${promised} |`,
  );
}
await stopAllApps();
process.exit();

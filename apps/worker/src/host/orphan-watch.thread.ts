import { workerData } from 'node:worker_threads';

const CHECK_INTERVAL_MS = 1_000;

const { parent } = workerData as { parent: number };

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, CHECK_INTERVAL_MS);

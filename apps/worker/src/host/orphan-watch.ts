import { Worker } from 'node:worker_threads';

/**
 * Ends this process when its parent has died. The closed IPC channel says so too, but only to an event
 * loop that turns; a thread of its own also ends a model that never gives the loop back.
 */
export function watchForOrphan(): void {
  const thread = new Worker(new URL('./orphan-watch.thread.js', import.meta.url), {
    workerData: { parent: process.ppid },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  thread.unref();
}

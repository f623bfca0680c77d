import { AsyncLocalStorage } from 'node:async_hooks';

/** Somebody's code at work; `fail` is there until it is done. */
interface Work {
  fail?: ((error: unknown) => void) | undefined;
}

const works = new AsyncLocalStorage<Work>();

/** How many are at work: without any, the process behaves as Node does. */
let running = 0;

/**
 * Runs code that may leave a promise behind that nobody handles, and rejects with its error. Without this, one
 * such promise in a model ends the process that looks for models. Once the work is done, it does again.
 */
export async function catchStray<Result>(work: () => Promise<Result>): Promise<Result> {
  const own: Work = {};
  const stray = new Promise<never>((_, reject) => (own.fail = reject));
  if (running++ === 0) process.on('unhandledRejection', onUnhandled);
  try {
    return await Promise.race([works.run(own, work), stray]);
  } finally {
    own.fail = undefined;
    if (--running === 0) process.off('unhandledRejection', onUnhandled);
  }
}

/** Of other code the process ends, as it does without a listener. */
function onUnhandled(error: unknown): void {
  const fail = works.getStore()?.fail;
  if (fail !== undefined) fail(error);
  else if (process.listenerCount('unhandledRejection') === 1) throw error;
}

// A process that appends events at a rate, for the benchmark of slow viewers. Arguments: Redis URL, key
// prefix, model. Messages: {perSecond, count}: appends so many and answers 'done'; 'end': the terminal
// event; both in the order they come. First message to the parent: the job.
import { EventSource, closeAllStores, openStore } from '../test/support/event-source.js';
import { sampleFold } from '../test/support/sample-folds.js';

export interface Order {
  readonly perSecond: number;
  readonly count: number;
}

/** Every tenth event says when it was written: as many delays as can be looked at without being the load. */
const MARK_EVERY = 10;
const PAD = 'x'.repeat(40);

const [url = '', prefix = '', model = ''] = process.argv.slice(2);
const store = await openStore(url, prefix);
const source = await EventSource.create(store, model, sampleFold(model));
let written = 0;

const make = (): { type: string; data: object } => {
  const step = ++written;
  const t = performance.timeOrigin + performance.now();
  return {
    type: 'step',
    data: step % MARK_EVERY === 0 ? { t, step, pad: PAD } : { step, pad: PAD },
  };
};

async function run({ perSecond, count }: Order): Promise<void> {
  const end = written + count;
  await source.run(perSecond, make, () => written >= end);
  process.send?.('done');
}

async function finish(): Promise<void> {
  await source.end();
  process.send?.(JSON.stringify(source.state.events));
  await closeAllStores();
  process.disconnect();
}

let work = Promise.resolve();
process.on('message', (message) => {
  work = work.then(() => (message === 'end' ? finish() : run(message as Order)));
});
process.send?.(source.job);

import { once } from 'node:events';
import type { Edge, Screen } from '../edge.js';
import type { RunView } from './run-view.js';

/** For programs: the events as the hub sends them, one a line, and nothing else on stdout. */
export function linesView({ stdout, stderr }: Pick<Edge, 'stdout' | 'stderr'>): RunView {
  return {
    line: ({ text }) => writeAll(stdout, `${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    end: () => undefined,
    close: () => undefined,
  };
}

/** Waits for a slow reader, so that events pile up in the log of the job and not here. */
async function writeAll(screen: Screen, text: string): Promise<void> {
  if (screen.write(text) || !screen.writable) return;
  // A reader that leaves is an error of the stream; main.ts hears of it.
  await once(screen, 'drain').catch(() => undefined);
}

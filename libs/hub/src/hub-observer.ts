import type { ResetReason } from '@stepcast/protocol';
import type { LogEntry } from './ports/job-log.port.js';

/** Told what the hub does, for metrics: called often, so it must be quick and must not throw. */
export interface HubObserver {
  /** A viewer was told to begin anew. */
  reset(reason: ResetReason): void;
  /** Events were missing in the feed and have been read from the store. */
  gapHealed(): void;
  /** An audit found a log that was ahead of its channel, or another life of it. */
  auditDiffered(): void;
  /** So many events were left out, or joined to others, for a slow viewer. */
  merged(events: number): void;
  /** Events are handed to the connections of a channel; called once per turn, with the newest. */
  delivered(newest: LogEntry): void;
}

/** Hears nothing. */
export const NO_OBSERVER: HubObserver = {
  reset: () => undefined,
  gapHealed: () => undefined,
  auditDiffered: () => undefined,
  merged: () => undefined,
  delivered: () => undefined,
};

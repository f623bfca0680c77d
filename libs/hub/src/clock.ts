/** Time as the core sees it: replaced in tests. All values are milliseconds. */
export interface Clock {
  now(): number;
  /** Calls back once after `delayMs`; the result cancels it. Never keeps a process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

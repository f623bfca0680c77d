/** What the doctor says of one thing: `missing` is needed, `warning` is not. */
export interface Finding {
  readonly about: string;
  readonly state: 'ok' | 'warning' | 'missing';
  /** What was found, in one line. */
  readonly text: string;
  /** What to do; only where something is wrong. */
  readonly remedy?: string;
}

export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return (text.trim().split('\n', 1)[0] ?? '').slice(0, 200);
}

/** Median, 95th percentile and maximum of a sample, for a line of a report. */
export function summary(values: readonly number[], unit: string): string {
  const at = (share: number): string => {
    const sorted = [...values].sort((one, other) => one - other);
    const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
    return value.toFixed(value < 10 ? 2 : 0);
  };
  return `median ${at(0.5)} ${unit}, p95 ${at(0.95)} ${unit}, worst ${at(1)} ${unit} (n = ${values.length})`;
}

/** Says on what a benchmark ran. */
export function describeMachine(): string {
  return `Node ${process.versions.node}, ${process.platform} ${process.arch}`;
}

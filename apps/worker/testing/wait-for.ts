const DEADLINE_MS = 5_000;

/** Resolves when the condition holds; fails the test when it does not in time. */
export async function waitFor(
  condition: () => boolean,
  what = condition.toString(),
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

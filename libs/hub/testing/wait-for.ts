/** How long {@link waitFor} waits before it gives up. */
const DEADLINE_MS = 5_000;

const POLL_MS = 5;

/**
 * Resolves with the first truthy value of `predicate`. Tests wait by this instead of sleeping, so they
 * take as long as they must and fail with a name.
 */
export async function waitFor<T>(
  predicate: () => T | Promise<T>,
  what = predicate.toString(),
  deadlineMs = DEADLINE_MS,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await predicate();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`${what} did not come about in time`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

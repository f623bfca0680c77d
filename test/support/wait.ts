// Waiting with a deadline, never for a fixed time.

/** Waits until a predicate holds; fails with the predicate's text when the deadline passes. */
export async function waitFor(
  predicate: () => boolean | Promise<boolean>,
  deadlineMs = 10_000,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    if (await Promise.resolve(predicate()).catch(() => false)) return;
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${String(predicate)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A promise with a deadline. */
export async function within<T>(promise: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${deadlineMs} ms for ${what}`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** A stop that its reader can act on: the message says what is wrong and what to type. */
export class Stop extends Error {}

/**
 * Runs the main function of a command. Its result is the exit code; undefined lets the process live
 * on. A `Stop` is printed as plain text, anything else with its stack, because it is a fault of these
 * scripts.
 * @param {() => Promise<number | undefined>} main
 */
export async function runMain(main) {
  /** @type {number | undefined} */
  let code = 1;
  try {
    code = await main();
  } catch (error) {
    console.error(error instanceof Stop ? `\n${error.message}` : error);
  }
  if (code !== undefined) process.exit(code);
}

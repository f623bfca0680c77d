const chaosName = 'chaos';

/**
 * Splits `npm test -- unit int -- -t name` into what to run and what jest gets. `chaos`, which is no
 * jest project, runs when it is named, or when everything does.
 * @param {readonly string[]} args
 * @param {readonly string[]} known the names of all jest projects
 * @returns {{ projects: readonly string[], jestArgs: readonly string[], withChaos: boolean }}
 *   every project when none is named
 */
export function parseTestArguments(args, known) {
  const firstOther = args.findIndex((arg) => arg !== chaosName && !known.includes(arg));
  const end = firstOther === -1 ? args.length : firstOther;
  const named = args.slice(0, end);
  const jestArgs = args.slice(args[end] === '--' ? end + 1 : end);
  const isAny = named.length > 0;
  return {
    projects: isAny ? known.filter((name) => named.includes(name)) : known,
    jestArgs,
    withChaos: isAny ? named.includes(chaosName) : jestArgs.length === 0,
  };
}

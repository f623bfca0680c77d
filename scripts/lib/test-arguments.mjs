/**
 * Splits `npm test -- unit int -- -t name` into the jest projects to run and what jest gets.
 * @param {readonly string[]} args
 * @param {readonly string[]} known the names of all projects
 * @returns {{ projects: readonly string[], jestArgs: readonly string[] }} every project when none is named
 */
export function parseTestArguments(args, known) {
  const firstOther = args.findIndex((arg) => !known.includes(arg));
  const end = firstOther === -1 ? args.length : firstOther;
  const named = args.slice(0, end);
  const jestArgs = args.slice(args[end] === '--' ? end + 1 : end);
  return {
    projects: named.length > 0 ? known.filter((name) => named.includes(name)) : known,
    jestArgs,
  };
}

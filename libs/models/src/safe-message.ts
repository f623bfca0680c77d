import { toWellFormed } from './well-formed.js';

const MAX_LENGTH = 500;

/** An absolute path: POSIX with two or more parts, Windows with a drive, or a file URL. */
const ABSOLUTE_PATH =
  /(?<=^|[\s"'`(=,:[])(?:file:\/\/\/?|[A-Za-z]:[\\/]|\/)(?:[^\s"'`()[\],:\\/]+[\\/])+/g;

/**
 * What a submitter may see of something that a model threw: the first line of its message, without
 * stack and without the folders of this machine, at most 500 characters.
 */
export function safeMessage(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : describe(error);
  const line = text.split(/[\r\n]/, 1)[0] ?? '';
  // The cut may leave half of a pair, which no header of gRPC can carry.
  return toWellFormed(line.replace(ABSOLUTE_PATH, '…/').slice(0, MAX_LENGTH));
}

function describe(value: unknown): string {
  if (typeof value === 'string') return value;
  return `The model threw ${value === null ? 'null' : typeof value}; throw an Error instead.`;
}

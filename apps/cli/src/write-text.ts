import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CliError } from './cli-error.js';
import type { Edge } from './edge.js';

/** Writes a text to stdout, or to the file that `--out` names. */
export async function writeText(edge: Edge, text: string, out: string | undefined): Promise<void> {
  if (out === undefined) {
    edge.stdout.write(text);
    return;
  }
  const file = path.resolve(edge.cwd, out);
  await writeFile(file, text).catch((cause: unknown) => {
    throw new CliError(`${file} cannot be written (${(cause as Error).message}).`, { cause });
  });
  edge.stderr.write(`wrote ${file}\n`);
}

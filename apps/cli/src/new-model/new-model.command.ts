import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CliError, EXIT } from '../cli-error.js';
import type { Edge } from '../edge.js';
import { modelsDirectory } from '../models-directory.js';
import { linkPackage } from './link-package.js';
import { modelFiles } from './templates.js';

export interface NewModelOptions {
  readonly dir?: string;
}

/** `stepcast new model`: a folder with a model that runs, its test and its card. */
export async function newModelCommand(
  edge: Edge,
  name: string,
  { dir }: NewModelOptions,
): Promise<number> {
  await assertName(name);
  const directory = await modelsDirectory(edge, dir);
  const folder = path.join(directory, name);
  await makeFolder(directory, folder);
  for (const [file, text] of Object.entries(modelFiles(name))) {
    await writeFile(path.join(folder, file), text);
    edge.stdout.write(`wrote ${path.join(folder, file)}\n`);
  }
  for (const file of await linkPackage(directory)) {
    edge.stdout.write(`wrote ${path.join(directory, file)}\n`);
  }
  edge.stdout.write(
    `\nTry it:    cd ${folder} && node --test\n` +
      `Serve it:  ${dir === undefined ? '' : `MODELS_DIR=${directory} `}npm start\n` +
      `Call it:   npx stepcast run ${name} --field text='one two three'\n`,
  );
  return EXIT.ok;
}

async function assertName(name: string): Promise<void> {
  const { MODEL_NAME_PATTERN } = await import('@stepcast/models');
  if (MODEL_NAME_PATTERN.test(name)) return;
  throw new CliError(
    `"${name}" is no name of a model: a lower-case letter, then up to 63 lower-case letters, digits, "-" or "_".`,
  );
}

async function makeFolder(directory: string, folder: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await mkdir(folder);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason =
      code === 'EEXIST' ? 'exists; choose another name' : `cannot be made (${message})`;
    throw new CliError(`${folder} ${reason}.`, { cause });
  }
}

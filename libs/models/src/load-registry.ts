import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { withCompiler } from './compile-model.js';
import { isForeign, readModelFolder } from './model-folder.js';
import type { BrokenModel, ModelEntry } from './model-entry.js';
import { ModelRegistry } from './registry.js';

/**
 * Finds the models of a directory: every sub-folder with a `model.ts`, a `model.js` or a `model.onnx`. A
 * folder that cannot be used is listed in `broken` with the reason; the others serve.
 * @throws {Error} when the directory cannot be read
 */
export async function loadRegistry(directory: string): Promise<ModelRegistry> {
  const root = path.resolve(directory);
  const folders = await listFolders(root);
  const found = await withCompiler(() => Promise.all(folders.map((name) => read(root, name))));
  return new ModelRegistry(
    found.flatMap(({ entry }) => entry ?? []),
    found.flatMap(({ broken }) => broken ?? []),
  );
}

interface Found {
  readonly entry?: ModelEntry | undefined;
  readonly broken?: BrokenModel;
}

async function read(root: string, folder: string): Promise<Found> {
  try {
    return { entry: await readModelFolder(path.join(root, folder)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { broken: { folder, reason } };
  }
}

async function listFolders(root: string): Promise<string[]> {
  let names;
  try {
    names = await readdir(root);
  } catch (cause) {
    throw new Error(`The models directory ${root} cannot be read; set MODELS_DIR.`, { cause });
  }
  const folders = await Promise.all(
    names.filter((name) => !isForeign(name)).map((name) => asFolder(root, name)),
  );
  return folders.flat().sort();
}

/** A link to a folder is one, too. */
async function asFolder(root: string, name: string): Promise<string[]> {
  const found = await stat(path.join(root, name)).catch(() => undefined);
  return found?.isDirectory() === true ? [name] : [];
}

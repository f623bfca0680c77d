import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { withCompiler } from './compile-model.js';
import { isForeign, readModelFolder } from './model-folder.js';
import type { BrokenModel, ModelEntry } from './model-entry.js';
import { ModelRegistry } from './registry.js';
import { catchStray } from './stray-rejections.js';

/** Longest time that one folder may take, in milliseconds: code can await what never comes. */
const FOLDER_MS = 20_000;

export interface LoadOptions {
  /** Longest time that one folder may take, in milliseconds; default 20 s. */
  readonly folderMs?: number;
}

/**
 * Finds the models of a directory: every sub-folder with a `model.ts`, a `model.js` or a `model.onnx`. A
 * folder that cannot be used, or takes too long, is listed in `broken` with the reason; the others serve.
 * @throws {Error} when the directory cannot be read
 */
export async function loadRegistry(
  directory: string,
  { folderMs = FOLDER_MS }: LoadOptions = {},
): Promise<ModelRegistry> {
  const root = path.resolve(directory);
  const folders = await listFolders(root);
  const found = await withCompiler(() =>
    Promise.all(folders.map((name) => read(root, name, folderMs))),
  );
  return new ModelRegistry(
    found.flatMap(({ entry }) => entry ?? []),
    found.flatMap(({ broken }) => broken ?? []),
  );
}

interface Found {
  readonly entry?: ModelEntry | undefined;
  readonly broken?: BrokenModel;
}

async function read(root: string, folder: string, folderMs: number): Promise<Found> {
  try {
    const load = () => within(folderMs, readModelFolder(path.join(root, folder)));
    return { entry: await catchStray(load) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { broken: { folder, reason } };
  }
}

/** What comes later is dropped, also when it is an error. */
async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Error(
          `Not loaded within ${ms / 1000} s; what takes long, or waits, belongs into load().`,
        ),
      );
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
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

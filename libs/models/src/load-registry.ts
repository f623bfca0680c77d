import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Model } from './definition.js';
import { isModel } from './define-model.js';
import { createManifest } from './manifest.js';
import { ModelRegistry, type BrokenModel, type ModelEntry } from './registry.js';

/** Where `npm run build` puts the compiled code of the models of this project. */
const BUILD_FOLDER = 'dist';

const UNCOMPILED = 'model.ts is not compiled; run: npm run build';

/**
 * Finds the models of a directory: every sub-folder with a compiled `model.js`, either in it or in
 * `dist/<folder>/`. Assets are looked for in the sub-folder. A folder that cannot be used is listed in
 * `broken` with the reason; the others serve.
 * @throws {TypeError} when two models have one name; {Error} when the directory cannot be read.
 */
export async function loadRegistry(directory: string): Promise<ModelRegistry> {
  const root = path.resolve(directory);
  const found: ModelEntry[] = [];
  const broken: BrokenModel[] = [];
  for (const folder of await listFolders(root)) {
    const code = await findCode(root, folder);
    if (code.kind === 'none') continue;
    try {
      if (code.kind === 'uncompiled') throw new Error(UNCOMPILED);
      found.push({ model: await importModel(code.file), directory: path.join(root, folder) });
    } catch (error) {
      broken.push({ folder, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return new ModelRegistry(found, broken);
}

type Code =
  | { readonly kind: 'compiled'; readonly file: string }
  | { readonly kind: 'uncompiled' }
  | { readonly kind: 'none' };

async function findCode(root: string, folder: string): Promise<Code> {
  for (const place of [path.join(root, folder), path.join(root, BUILD_FOLDER, folder)]) {
    const file = path.join(place, 'model.js');
    if (await isFile(file)) return { kind: 'compiled', file };
  }
  const hasSource = await isFile(path.join(root, folder, 'model.ts'));
  return { kind: hasSource ? 'uncompiled' : 'none' };
}

async function importModel(file: string): Promise<Model> {
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  if (!isModel(module.default)) {
    throw new TypeError('model.js has no model; write: export default defineModel({ … })');
  }
  // A schema without a JSON Schema breaks this model here rather than the registry of all of them.
  createManifest(module.default);
  return module.default;
}

async function listFolders(root: string): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(root, { withFileTypes: true });
  } catch (cause) {
    throw new Error(`The models directory ${root} cannot be read; set MODELS_DIR.`, { cause });
  }
  const skipped = new Set([BUILD_FOLDER, 'node_modules']);
  return entries
    .filter(
      (entry) => entry.isDirectory() && !entry.name.startsWith('.') && !skipped.has(entry.name),
    )
    .map((entry) => entry.name)
    .sort();
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { compileModel, importCompiled } from './compile-model.js';
import { isModel } from './define-model.js';
import { createManifest } from './manifest.js';
import { createOnnxModel, GRAPH_FILE } from './onnx-model.js';
import type { ModelEntry } from './model-entry.js';

/** What makes a folder a model, the first that it has: code wins over a graph. */
const ENTRY_FILES = ['model.ts', 'model.js', GRAPH_FILE] as const;

/**
 * Reads the model of a folder; undefined when nothing in it looks like one.
 * @throws {Error} when it cannot be used; the message says what to do.
 */
export async function readModelFolder(directory: string): Promise<ModelEntry | undefined> {
  for (const name of ENTRY_FILES) {
    const file = path.join(directory, name);
    if (!(await isFile(file))) continue;
    const entry = name === GRAPH_FILE ? await readGraph(directory) : await readCode(file);
    // A schema without a JSON Schema breaks this model here rather than the registry of all of them.
    createManifest(entry.model);
    return entry;
  }
  return undefined;
}

/** Whether a file of a folder, or a folder, is none of the model's: packages, and what begins with a dot. */
export function isForeign(name: string): boolean {
  return name === 'node_modules' || name.startsWith('.');
}

async function readGraph(directory: string): Promise<ModelEntry> {
  const revision = await describeFiles(directory);
  return { model: await createOnnxModel(directory), directory, revision };
}

async function readCode(file: string): Promise<ModelEntry> {
  const directory = path.dirname(file);
  const files = await describeFiles(directory);
  const code = await compileModel(file);
  const { default: model } = await importCompiled(code);
  if (!isModel(model)) {
    throw new TypeError(
      `${path.basename(file)} has no model; write: export default defineModel({ … })`,
    );
  }
  return { model, directory, revision: `${code.hash} ${files}`, sources: code.sources };
}

/** Texts for people, and tests: a model is the same when they change. */
const BESIDE_THE_MODEL = /\.md$|\.(?:spec|test)\.[cm]?[jt]sx?$/i;

/** A digest of the names, sizes and times of all files in a folder that a model may use. */
async function describeFiles(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const line of await listFiles(directory)) hash.update(line);
  return hash.digest('hex');
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await ifThere(readdir(directory, { withFileTypes: true }));
  const lines = await Promise.all(
    (entries ?? [])
      .filter(({ name }) => !isForeign(name) && !BESIDE_THE_MODEL.test(name))
      .map(async (entry) => {
        const place = path.join(directory, entry.name);
        if (entry.isDirectory()) return listFiles(place);
        const found = await ifThere(stat(place));
        return found === undefined ? [] : [`${place} ${found.size} ${found.mtimeMs}\n`];
      }),
  );
  return lines.flat().sort();
}

/** Undefined for what has gone since it was listed, and for a link that leads nowhere. */
async function ifThere<Result>(look: Promise<Result>): Promise<Result | undefined> {
  return look.catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

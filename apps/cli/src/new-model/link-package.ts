import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The one package that models import. */
const PACKAGE = '@stepcast/models';
const PROGRAM = fileURLToPath(new URL('../../../../scripts/stepcast.mjs', import.meta.url));

/**
 * Makes `@stepcast/models` known to Node and to editors in a directory outside of this clone, and `stepcast`
 * to npx: by links in its node_modules, and by a package.json that brings the package back after an
 * `npm install`, if there is none.
 * @returns what was written, relative to the directory; nothing if the package was known
 */
export async function linkPackage(directory: string): Promise<string[]> {
  if (isKnownIn(directory)) return [];
  const target = path.resolve(fileURLToPath(import.meta.resolve(PACKAGE)), '../..');
  const modules = path.join(directory, 'node_modules');
  await link(target, path.join(modules, PACKAGE));
  // Windows has no executable links; npx is then called in the clone.
  if (process.platform !== 'win32') await link(PROGRAM, path.join(modules, '.bin/stepcast'));
  const isNew = await writeManifest(path.join(directory, 'package.json'), target);
  return [path.join('node_modules', PACKAGE), ...(isNew ? ['package.json'] : [])];
}

function isKnownIn(directory: string): boolean {
  try {
    createRequire(path.join(directory, 'model.js')).resolve(PACKAGE);
    return true;
  } catch {
    return false;
  }
}

async function link(target: string, place: string): Promise<void> {
  await mkdir(path.dirname(place), { recursive: true });
  // A junction needs no rights on Windows; elsewhere the kind is ignored.
  await symlink(target, place, 'junction').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
}

/** @returns whether there was none */
async function writeManifest(file: string, target: string): Promise<boolean> {
  const dependencies = { [PACKAGE]: `file:${target}` };
  const text = `${JSON.stringify({ private: true, type: 'module', dependencies }, null, 2)}\n`;
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

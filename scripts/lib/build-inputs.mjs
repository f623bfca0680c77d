import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

const sourceFolders = ['apps', 'libs'];
const rootFiles = ['package-lock.json', 'tsconfig.base.json', 'tsconfig.build.json'];
const ignoredFolders = new Set(['dist', 'node_modules']);

/**
 * A digest of the names, sizes and times of all that the build reads. It changes when a file is
 * edited, added, renamed or removed; a newest time alone would miss the last two.
 * @param {string} root
 */
export async function fingerprintInputs(root) {
  const files = [...rootFiles];
  for (const folder of sourceFolders) files.push(...(await listInputs(root, folder)));
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const found = await stat(path.join(root, file)).catch(() => undefined);
    if (found) hash.update(`${file} ${found.size} ${found.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * The files by which a complete build is known: the entry of each app and lib.
 * @param {string} root
 */
export async function listOutputs(root) {
  const entries = [
    ...(await listNames(root, 'apps')).map((name) => ['apps', name, 'src/main.ts', 'dist/main.js']),
    ...(await listNames(root, 'libs')).map((name) => [
      'libs',
      name,
      'src/index.ts',
      'dist/index.js',
    ]),
  ];
  const outputs = [];
  for (const [folder = '', project = '', source = '', output = ''] of entries) {
    const at = path.join(root, folder, project);
    if (await exists(path.join(at, source))) outputs.push(path.join(at, output));
  }
  return outputs;
}

/** @param {string} file */
export async function exists(file) {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {Promise<string[]>}
 */
async function listInputs(root, folder) {
  const entries = await readdir(path.join(root, folder), { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries.map((entry) => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) return ignoredFolders.has(entry.name) ? [] : listInputs(root, file);
      return isInput(entry.name) ? [file] : [];
    }),
  );
  return found.flat();
}

/**
 * Specs are not built; JSON is read as package.json in libs.
 * @param {string} name
 */
export function isInput(name) {
  return /\.(ts|json)$/.test(name) && !/[.-]spec\.ts$/.test(name);
}

/**
 * @param {string} root
 * @param {string} folder
 */
function listNames(root, folder) {
  return readdir(path.join(root, folder)).catch(() => []);
}

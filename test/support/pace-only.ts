// A folder of models with `pace` alone: its hosts load no weights, so a test can afford many slots.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const built = new URL('../../models/pace/model.ts', import.meta.url).href;
const folders = new Set<string>();

/** For `MODELS_DIR`; ends with {@link removePaceOnly}. */
export async function paceOnly(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'stepcast-models-'));
  folders.add(folder);
  await mkdir(path.join(folder, 'pace'));
  await writeFile(path.join(folder, 'pace/model.js'), `export { default } from '${built}';\n`);
  return folder;
}

export async function removePaceOnly(): Promise<void> {
  await Promise.all([...folders].map((folder) => rm(folder, { recursive: true, force: true })));
  folders.clear();
}

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { exists, fingerprintInputs, listOutputs } from './build-inputs.mjs';
import { startGuardedChild } from './guarded-child.mjs';
import { rootDir, stateDir } from './paths.mjs';
import { timed } from './say.mjs';
import { Stop } from './stop.mjs';

const stampFile = path.join(stateDir, 'build.stamp');

/** Whether dist was built from the sources as they are now. */
export async function isBuildCurrent() {
  const stamp = await readFile(stampFile, 'utf8').catch(() => undefined);
  return stamp === (await fingerprintInputs(rootDir)) && (await areOutputsPresent());
}

/** Builds what has changed. The caller holds the setup lock. */
export async function build() {
  await mkdir(stateDir, { recursive: true });
  // Without a stamp, no other command takes a half-made build for a whole one.
  await rm(stampFile, { force: true });
  const inputs = await fingerprintInputs(rootDir);
  await timed('building', runCompiler);
  await writeFile(stampFile, inputs);
}

async function runCompiler() {
  const args = ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json'];
  // The compiler's own records say that nothing is to be done when only its output is gone.
  if (!(await areOutputsPresent())) args.push('--force');
  const compiler = await startGuardedChild(process.execPath, args, {
    graceMs: 0,
    cwd: rootDir,
    keepOutput: true,
  });
  if ((await compiler.exited) === 0) return;
  throw new Stop(
    `${compiler.output().trimEnd()}\n\nThe build failed: correct what is named above, then run the same command again.`,
  );
}

async function areOutputsPresent() {
  const present = await Promise.all((await listOutputs(rootDir)).map(exists));
  return present.every(Boolean);
}

import path from 'node:path';

import { build, isBuildCurrent } from './ensure-build.mjs';
import { areDependenciesInstalled, installDependencies } from './ensure-dependencies.mjs';
import { withLock } from './folder-lock.mjs';
import { assertNodeVersion } from './node-version.mjs';
import { stateDir } from './paths.mjs';
import { registerCommand } from './running-commands.mjs';

const lockDeadlineMs = 15 * 60_000;

/** Installs and builds what is missing or out of date; other commands of the clone wait meanwhile. */
export async function setUp() {
  assertNodeVersion();
  // Neither is true while another command installs or builds, so the usual case needs no lock.
  if (!(await isSetUp())) {
    const lock = {
      folder: path.join(stateDir, 'setup.lock'),
      deadlineMs: lockDeadlineMs,
      onWait: (/** @type {number} */ pid) =>
        console.log(`waiting for process ${pid}, which installs or builds …`),
    };
    await withLock(lock, async () => {
      if (!(await areDependenciesInstalled())) await installDependencies();
      if (!(await isBuildCurrent())) await build();
    });
  }
  await registerCommand();
}

async function isSetUp() {
  return (await areDependenciesInstalled()) && (await isBuildCurrent());
}

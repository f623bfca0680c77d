import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { lastLines } from './command.mjs';
import { startGuardedChild } from './guarded-child.mjs';
import { arePackagesInstalled } from './installed-packages.mjs';
import { rootDir } from './paths.mjs';
import { findRunningCommands } from './running-commands.mjs';
import { timed } from './say.mjs';
import { Stop } from './stop.mjs';

const modulesLock = path.join(rootDir, 'node_modules/.package-lock.json');

/** Whether node_modules is what package-lock.json asks for. */
export async function areDependenciesInstalled() {
  const wanted = await readJson(path.join(rootDir, 'package-lock.json'));
  if (!wanted)
    throw new Stop(
      'package-lock.json is missing or broken. Restore it: git checkout package-lock.json',
    );
  return arePackagesInstalled(wanted, await readJson(modulesLock));
}

/** Makes node_modules anew. The caller holds the setup lock. */
export async function installDependencies() {
  // `npm ci` begins by removing node_modules.
  const [pid] = (await readJson(modulesLock)) ? await findRunningCommands() : [];
  if (pid !== undefined) {
    throw new Stop(
      `package-lock.json has changed, and process ${pid} still runs on what is installed. End it, then run the same command again.`,
    );
  }
  await timed('installing dependencies', async () => {
    let result = await runNpm(['ci', '--include=dev']);
    if (isLockfileIncomplete(result)) {
      // What the lockfile does list is still installed exactly, and nothing is written to it.
      result = await runNpm(['install', '--no-save', '--include=dev']);
    }
    if (result.code === 0) return;
    throw new Stop(
      `${lastLines(result.output, 60)}\n\nThe dependencies could not be installed (see above). Check the ` +
        'network and the free disk space, then run the same command again; to see all of it: npm ci',
    );
  });
}

/**
 * A lockfile that was written against a registry without the packages of some other platform lacks
 * them, and `npm ci` refuses all of it.
 * @param {{ code: number, output: string }} result
 */
export function isLockfileIncomplete({ code, output }) {
  return code !== 0 && /\bEUSAGE\b/.test(output) && /Missing: .* from lock file/.test(output);
}

/**
 * @param {string[]} args
 * @returns {Promise<import('./command.mjs').CommandResult>}
 */
async function runNpm(args) {
  // An npm that runs this script names itself; else the one on the PATH.
  const npmFile = process.env['npm_execpath'];
  const [command, ...before] = npmFile?.endsWith('npm-cli.js')
    ? [process.execPath, npmFile]
    : ['npm'];
  const npm = await startGuardedChild(
    command ?? 'npm',
    [...before, ...args, '--no-audit', '--no-fund'],
    {
      graceMs: 0,
      cwd: rootDir,
      keepOutput: true,
      // The CPU library ships in the package; its install script would download the CUDA ones.
      env: {
        ...process.env,
        ONNXRUNTIME_NODE_INSTALL: 'skip',
        npm_config_onnxruntime_node_install: 'skip',
      },
    },
  );
  return { code: await npm.exited, output: npm.output() };
}

/**
 * @param {string} file
 * @returns {Promise<import('./installed-packages.mjs').Lockfile | undefined>}
 */
async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

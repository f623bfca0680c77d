import { findOnPath, lastLines, runCommand } from './command.mjs';
import { packageManagers } from './package-manager.mjs';
import { requiredServers } from './redis-version.mjs';
import { timed } from './say.mjs';
import { Stop } from './stop.mjs';

/** Installs a Redis server with the system's package manager, or stops with what to type. */
export async function installRedis() {
  const manager = packageManagers.find(({ name }) => findOnPath(name));
  if (!manager) {
    throw new Stop(
      `Stepcast needs a Redis server and found none. Install ${requiredServers}, so that redis-server ` +
        'or valkey-server is on the PATH, or name a running one: REDIS_URL=redis://host:6379 npm start',
    );
  }
  const prefix = await rootPrefix(manager);
  await timed(`installing a Redis server (${manager.name} ${manager.installs[0]?.join(' ')})`, () =>
    install(manager, prefix),
  );
}

/**
 * @param {import('./package-manager.mjs').PackageManager} manager
 * @param {readonly string[]} prefix
 */
async function install(manager, prefix) {
  const run = (/** @type {readonly string[]} */ args) => {
    const [command = '', ...rest] = [
      ...prefix,
      ...environment(manager, prefix),
      manager.name,
      ...args,
    ];
    return runCommand(command, rest, { env: { ...process.env, ...manager.env } });
  };
  const tryInstalls = async () => {
    let result;
    for (const args of manager.installs) {
      result = await run(args);
      if (result.code === 0) return undefined;
    }
    return result;
  };

  let failure = await tryInstalls();
  if (failure && manager.refresh) {
    // Fresh containers have no package lists, and old lists name packages that are gone.
    await run(manager.refresh);
    failure = await tryInstalls();
  }
  if (!failure) return;
  throw new Stop(
    `${lastLines(failure.output)}\n\nThe Redis server could not be installed. Type:\n  ${manager.byHand}\n` +
      `or name a running server (${requiredServers}): REDIS_URL=redis://host:6379 npm start`,
  );
}

/**
 * What stands before the package manager for it to be root: nothing, or sudo that asks nothing.
 * @param {import('./package-manager.mjs').PackageManager} manager
 */
async function rootPrefix(manager) {
  if (!manager.asRoot || process.getuid?.() === 0) return [];
  if (findOnPath('sudo') && (await runCommand('sudo', ['-n', 'true'])).code === 0) {
    return ['sudo', '-n'];
  }
  throw new Stop(
    `Stepcast needs a Redis server (${requiredServers}) and may not install one as this user. Type:\n` +
      `  ${manager.byHand}\nor name a running server: REDIS_URL=redis://host:6379 npm start`,
  );
}

/**
 * sudo drops the environment, so it is given again behind it.
 * @param {import('./package-manager.mjs').PackageManager} manager
 * @param {readonly string[]} prefix
 */
function environment(manager, prefix) {
  if (prefix.length === 0) return [];
  return ['env', ...Object.entries(manager.env ?? {}).map(([name, value]) => `${name}=${value}`)];
}

/**
 * How each package manager installs a Redis server. The first package that installs is taken: some
 * systems have dropped Redis for Valkey, others do not have Valkey yet.
 *
 * @typedef {object} PackageManager
 * @property {string} name the executable
 * @property {readonly (readonly string[])[]} installs the arguments to try, in this order
 * @property {readonly string[]} [refresh] arguments that renew the package lists when no install worked
 * @property {string} byHand what a reader types who may do more than this process
 * @property {boolean} asRoot whether it writes to the system
 * @property {Record<string, string>} [env]
 */

/** @type {readonly PackageManager[]} */
export const packageManagers = [
  {
    name: 'apt-get',
    // The lock timeout lets two commands install at the same time.
    installs: [
      'install -y --no-install-recommends -o DPkg::Lock::Timeout=120 redis-server'.split(' '),
    ],
    refresh: ['update'],
    byHand: 'sudo apt-get update && sudo apt-get install -y redis-server',
    asRoot: true,
    // Run level 1 keeps the package's init script from starting a server of its own.
    env: { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  },
  {
    name: 'apk',
    installs: [
      ['add', 'redis'],
      ['add', 'valkey'],
    ],
    refresh: ['update'],
    byHand: 'sudo apk add --update-cache redis',
    asRoot: true,
  },
  {
    name: 'dnf',
    installs: [
      ['install', '-y', 'valkey'],
      ['install', '-y', 'redis'],
    ],
    byHand: 'sudo dnf install -y valkey',
    asRoot: true,
  },
  { name: 'brew', installs: [['install', 'redis']], byHand: 'brew install redis', asRoot: false },
];

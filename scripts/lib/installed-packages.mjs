/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, link?: boolean }} LockedPackage
 * @typedef {{ packages?: Record<string, LockedPackage> }} Lockfile
 */

/**
 * Whether node_modules is what package-lock.json asks for, by the list that npm itself writes into
 * node_modules at the end of an install: it tells an install that broke off, one that left out the
 * development packages, and one made by hand, which a stamp of ours would not.
 * @param {Lockfile} wanted package-lock.json
 * @param {Lockfile | undefined} installed node_modules/.package-lock.json
 */
export function arePackagesInstalled(wanted, installed) {
  if (!wanted.packages || !installed?.packages) return false;
  const have = installed.packages;
  return Object.entries(wanted.packages).every(([location, entry]) => {
    // The other entries are the clone itself and its workspaces.
    if (!location.startsWith('node_modules/')) return true;
    const found = have[location];
    // Optional packages are those of other platforms.
    if (!found) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

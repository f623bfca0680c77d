import { Stop } from './stop.mjs';

const required = { major: 20, minor: 19 };

/** Refuses a Node on which the hub would fail later and less clearly. */
export function assertNodeVersion(version = process.versions.node) {
  if (isNodeVersionSupported(version)) return;
  throw new Stop(
    `Stepcast needs Node ${required.major}.${required.minor} or newer; this is Node ${version}. ` +
      'Install a current Node and run the same command again.',
  );
}

/** @param {string} version */
export function isNodeVersionSupported(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > required.major || (major === required.major && minor >= required.minor);
}

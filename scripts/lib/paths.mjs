import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the clone. */
export const rootDir = path.resolve(fileURLToPath(import.meta.url), '../../..');

/** What the commands keep between runs; git ignores it. */
export const stateDir = path.join(rootDir, '.stepcast');

// Programs of the system that some tests need and a machine may lack.
import { existsSync } from 'node:fs';

export interface OptionalProgram {
  readonly name: string;
  readonly path: string;
  /** Names another path. */
  readonly variable: string;
}

const program = (name: string, variable: string, usual: string): OptionalProgram => ({
  name,
  variable,
  path: process.env[variable] ?? usual,
});

export const chromiumProgram = program('Chromium', 'CHROMIUM_PATH', '/usr/bin/chromium');
export const nginxProgram = program('nginx', 'NGINX_PATH', '/usr/sbin/nginx');

/**
 * Whether tests that need a program run. Where it is missing they are left out, and a line says so;
 * where `CI` is set they run all the same, and fail.
 * @param what is not tested without it: the beginning of that line
 */
export function canTestWith({ name, path, variable }: OptionalProgram, what: string): boolean {
  if (existsSync(path) || process.env['CI']) return true;
  process.stdout.write(`${what}: no ${name} at ${path} (set ${variable}).\n`);
  return false;
}

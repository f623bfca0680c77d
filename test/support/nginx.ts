// An nginx of one test, with everything that it writes in a folder of its own. Knows nothing of jest.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { findFreePort } from '../../scripts/lib/free-port.mjs';
import { nginxProgram } from './optional-program.js';
import { waitFor } from './wait.js';

export interface Nginx {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Of a server block and what stands beside it, for a port to listen on. */
export type NginxSite = (port: number) => string;

/** As an nginx that nobody has set up for streams: a `proxy_pass`, and nothing else. */
export function defaultSite(upstream: string): NginxSite {
  return (port) => `server { listen 127.0.0.1:${port}; location / { proxy_pass ${upstream}; } }`;
}

/** What docs/operations.md tells its readers to write, with other addresses. */
export async function documentedSite(api: string, gateway: string): Promise<NginxSite> {
  const text = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const block = /```nginx\n([^]*?)```/.exec(text)?.[1];
  if (block === undefined) throw new Error('docs/operations.md has no block for nginx');
  const site = block
    .replace('127.0.0.1:3001', new URL(api).host)
    .replace('127.0.0.1:3002', new URL(gateway).host);
  return (port) => site.replace('listen 80;', `listen 127.0.0.1:${port};`);
}

/** Compression is on because distributions ship it so; all else is what nginx does when nothing is said. */
const configuration = (site: string): string => `
pid nginx.pid;
events {}
http {
  access_log off;
  gzip on;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  ${site}
}`;

const START_DEADLINE_MS = 10_000;
const running = new Set<Nginx>();

export async function stopAllNginx(): Promise<void> {
  await Promise.all([...running].map((nginx) => nginx.stop()));
}

export async function startNginx(site: NginxSite): Promise<Nginx> {
  const folder = await mkdtemp(path.join(tmpdir(), 'stepcast-nginx-'));
  // Its workers may be another user.
  await chmod(folder, 0o755);
  const port = await findFreePort();
  await writeFile(path.join(folder, 'nginx.conf'), configuration(site(port)));
  const args = ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr', '-g', 'daemon off;'];
  const child = spawn(nginxProgram.path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'exit').catch((error: unknown) => {
    said += String(error);
  });
  const nginx: Nginx = {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      running.delete(nginx);
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
  running.add(nginx);
  await waitFor(() => isAnswering(nginx.url), START_DEADLINE_MS).catch(() => {
    throw new Error(`nginx does not answer: ${said.slice(-1_000)}`);
  });
  return nginx;
}

const isAnswering = async (url: string) => (await fetch(`${url}/health/live`)).ok;

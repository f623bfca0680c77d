import { createServer } from 'node:net';
import type { Edge } from '../edge.js';
import type { Finding } from './finding.js';

/** How long whoever listens may take to say whether it is a hub. */
const ANSWER_MS = 1_000;

const PORTS = [
  { variable: 'PORT', fallback: 3000 },
  { variable: 'GRPC_PORT', fallback: 50_051 },
] as const;

/** Whether the ports of the hub are free, or a hub has them already. */
export async function checkPorts(env: Edge['env']): Promise<Finding[]> {
  const host = env['HOST'] ?? '127.0.0.1';
  return Promise.all(
    PORTS.map(({ variable, fallback }) => {
      return checkPort(variable, host, Number(env[variable] ?? fallback));
    }),
  );
}

async function checkPort(variable: string, host: string, port: number): Promise<Finding> {
  const about = variable;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    return { about, state: 'missing', text: 'is no port', remedy: `Set ${variable} to 1 … 65535.` };
  }
  const fault = await listenOnce(port, host);
  if (fault === undefined) return { about, state: 'ok', text: `${port} is free` };
  if (fault === 'EADDRINUSE' && variable === 'PORT' && (await isHub(host, port))) {
    return { about, state: 'ok', text: `a hub runs at http://${host}:${port}` };
  }
  const text = `${port} on ${host} cannot be used (${fault})`;
  const remedy = `End what listens there, or choose another: ${variable}=${port + 1} npm start`;
  return { about, state: 'warning', text, remedy };
}

function listenOnce(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ port, host, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}

async function isHub(host: string, port: number): Promise<boolean> {
  const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/health/live`;
  return fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
    (response) => response.ok,
    () => false,
  );
}

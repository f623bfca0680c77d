import { createServer } from 'node:net';

import { Stop } from './stop.mjs';

const portsToTry = 100;

/** A port that nobody listens on now. Another process may take it first, so the user must be ready to ask again. */
export async function findFreePort(host = '127.0.0.1') {
  const port = await listenOnce(0, host);
  if (typeof port !== 'number') throw new Stop(`Cannot listen on ${host}: ${port.code}`);
  return port;
}

/**
 * @param {number} port
 * @param {string} host
 */
export async function isPortFree(port, host) {
  const result = await listenOnce(port, host);
  if (typeof result === 'number') return true;
  if (result.code === 'EADDRINUSE') return false;
  if (result.code === 'EACCES') throw new Stop(`PORT=${port} is not allowed to this user.`);
  throw new Stop(`HOST=${host} is not an address of this machine (${result.code}).`);
}

/**
 * The port of the hub: the one that was asked for and no other, or the first free one from 3000.
 * @param {{ asked: string | undefined, host: string, isFree?: typeof isPortFree }} request
 */
export async function choosePort({ asked, host, isFree = isPortFree }) {
  if (asked) {
    const port = parsePort(asked);
    if (port === 0) return findFreePort(host);
    if (await isFree(port, host)) return port;
    throw new Stop(
      `PORT=${port} is taken on ${host}. End what listens there, or choose another: PORT=${port + 1} npm start`,
    );
  }
  for (let port = 3000; port < 3000 + portsToTry; port += 1) {
    if (await isFree(port, host)) return port;
  }
  throw new Stop(`No free port from 3000 to ${2999 + portsToTry}. Choose one: PORT=8080 npm start`);
}

/**
 * The port of gRPC: the one that was asked for, else 50051, else any that is free. The hub itself says what
 * is wrong with one that was asked for.
 * @param {{ asked: string | undefined, host: string, isFree?: typeof isPortFree }} request
 */
export async function chooseGrpcPort({ asked, host, isFree = isPortFree }) {
  if (asked && Number(asked) !== 0) return Number(asked);
  if (!asked && (await isFree(50_051, host))) return 50_051;
  return findFreePort(host);
}

/** @param {string} text */
function parsePort(text) {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new Stop(
    `PORT=${text} is not a port. Expected a number from 1 to 65535, such as PORT=3000.`,
  );
}

/**
 * @param {number} port
 * @param {string} host
 * @returns {Promise<number | NodeJS.ErrnoException>}
 */
function listenOnce(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

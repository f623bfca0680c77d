import { createServer, type AddressInfo } from 'node:net';

import { describe, expect, it } from '@jest/globals';

import { choosePort, isPortFree } from './free-port.mjs';

const host = '127.0.0.1';
const taken =
  (...ports: number[]) =>
  (port: number) =>
    Promise.resolve(!ports.includes(port));

describe('choosePort', () => {
  it.each([
    ['takes 3000 when nobody asks for another', undefined, taken(), 3000],
    ['treats an empty PORT as not given', '', taken(), 3000],
    ['goes to the next free port when nobody asked for one', undefined, taken(3000, 3001), 3002],
    ['takes the port that was asked for', '8080', taken(), 8080],
  ])('%s', async (_name, asked, isFree, expected) => {
    expect(await choosePort({ asked, host, isFree })).toBe(expected);
  });

  it('stops when the port that was asked for is taken, and names another', async () => {
    const choice = choosePort({ asked: '3000', host, isFree: taken(3000) });

    await expect(choice).rejects.toThrow(/PORT=3000 is taken.*PORT=3001 npm start/);
  });

  it.each(['http', '-1', '65536', '3000.5'])('refuses PORT=%s', async (asked) => {
    await expect(choosePort({ asked, host, isFree: taken() })).rejects.toThrow(/is not a port/);
  });
});

describe('isPortFree', () => {
  it('sees who listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;

    const whileTaken = await isPortFree(port, host);
    await new Promise((resolve) => server.close(resolve));

    expect(whileTaken).toBe(false);
    expect(await isPortFree(port, host)).toBe(true);
  });
});

// A TCP proxy that breaks connections in the ways in which networks do.
import { once } from 'node:events';
import net from 'node:net';

import { splitFrames } from './resp-frames.js';

/** What becomes of one answer of Redis on its way to the client. */
export type Verdict =
  | 'pass'
  | 'drop'
  | { readonly delayMs: number }
  /** Held until the promise has settled. */
  | { readonly until: Promise<unknown> };

interface Pair {
  readonly client: net.Socket;
  readonly server: net.Socket;
}

const running = new Set<TcpProxy>();

export async function stopAllProxies(): Promise<void> {
  await Promise.all([...running].map((proxy) => proxy.stop()));
}

/** Listens on a free loopback port and passes everything on, until it is told otherwise. */
export class TcpProxy {
  readonly #listener: net.Server;
  readonly #pairs = new Set<Pair>();
  #isSwallowing = false;
  #isRefusing = false;
  #judge: ((frame: Buffer) => Verdict) | undefined;

  private constructor(targetPort: number) {
    this.#listener = net.createServer({ allowHalfOpen: true }, (client) => {
      if (this.#isRefusing) client.destroy();
      else
        this.#join(
          client,
          net.connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true }),
        );
    });
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    running.add(proxy);
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as net.AddressInfo).port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Reads nothing more from either side: buffers fill up, nobody is told. */
  stall(): void {
    for (const { client, server } of this.#pairs)
      for (const socket of [client, server]) socket.pause();
  }

  /** Goes on after {@link stall}. */
  flow(): void {
    for (const { client, server } of this.#pairs)
      for (const socket of [client, server]) socket.resume();
  }

  /** Reads everything and passes nothing on, as a half-open connection does; new ones too. */
  swallow(isSwallowing = true): void {
    this.#isSwallowing = isSwallowing;
  }

  /** Ends every connection with FIN. */
  cut(): void {
    for (const { client, server } of this.#pairs)
      for (const socket of [client, server]) socket.destroy();
  }

  /** Ends every connection with RST. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Closes the direction towards the clients only. */
  halfClose(): void {
    for (const { client } of this.#pairs) client.end();
  }

  /** Cuts, and lets nobody in, until `isRefusing` is false: as if the server were unreachable. */
  refuse(isRefusing = true): void {
    this.#isRefusing = isRefusing;
    if (isRefusing) this.cut();
  }

  /**
   * Judges every answer of a Redis server, also on open connections; undefined passes all. What comes
   * behind a delayed answer waits for it, as bytes of one connection do.
   */
  judgeReplies(judge: ((frame: Buffer) => Verdict) | undefined): void {
    this.#judge = judge;
  }

  async stop(): Promise<void> {
    running.delete(this);
    this.cut();
    this.#listener.close();
    await Promise.resolve();
  }

  #join(client: net.Socket, server: net.Socket): void {
    const pair = { client, server };
    this.#pairs.add(pair);
    const leave = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server])
      socket.on('error', leave).on('close', leave).setNoDelay(true);
    client.on('data', (bytes) => {
      if (!this.#isSwallowing) server.write(bytes);
    });
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    const relay = this.#createRelay(client);
    server.on('data', relay);
  }

  #createRelay(client: net.Socket): (bytes: Buffer) => void {
    let rest: Buffer = Buffer.alloc(0);
    let previous = Promise.resolve();
    let isOrdered = false;
    const send = (bytes: Buffer): void => {
      if (!this.#isSwallowing && !client.destroyed) client.write(bytes);
    };
    return (bytes) => {
      const judge = this.#judge;
      if (judge === undefined && rest.length === 0 && !isOrdered) {
        send(bytes);
        return;
      }
      const split = splitFrames(Buffer.concat([rest, bytes]));
      rest = split.rest;
      for (const frame of split.frames) {
        const verdict = judge?.(frame) ?? 'pass';
        if (verdict === 'drop') continue;
        if (verdict === 'pass' && !isOrdered) {
          send(frame);
          continue;
        }
        isOrdered = true;
        previous = previous
          .then(() => held(verdict))
          .then(() => {
            send(frame);
          });
      }
    };
  }
}

async function held(verdict: Exclude<Verdict, 'drop'>): Promise<void> {
  if (verdict === 'pass') return;
  if ('until' in verdict) await verdict.until.catch(() => undefined);
  else await new Promise((resolve) => setTimeout(resolve, verdict.delayMs));
}

import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { isAllowedOrigin } from '@stepcast/platform';
import { LIMITS, PROBLEM_CONTENT_TYPE, StepcastError, toProblem } from '@stepcast/protocol';
import { WebSocketServer } from 'ws';
import { GATEWAY_CORE, type GatewayCore } from '../gateway-core.js';
import { WsConnection } from './ws-connection.js';

const PATH = '/v1/ws';
const SUBPROTOCOL = 'stepcast.v1.json';

/**
 * The WebSocket server, on the HTTP server that Nest owns. Not built on Nest's gateways: their adapter
 * swallows bad frames and cannot see unsent bytes (docs/adr/0002-own-websocket-server.md).
 */
@Injectable()
export class WsService implements OnApplicationBootstrap {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.maxMessageBytes,
    // Memory exhaustion by tiny fragments: a command has no reason to come in more pieces.
    maxFragments: 64,
    maxBufferedChunks: 1_024,
    perMessageDeflate: false,
    clientTracking: false,
    // Answered by the connection, which bounds what waits for a client that does not read.
    autoPong: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  constructor(
    private readonly http: HttpAdapterHost,
    @Inject(GATEWAY_CORE) private readonly core: GatewayCore,
  ) {}

  onApplicationBootstrap(): void {
    const server = this.http.httpAdapter.getHttpServer() as Server;
    server.on('upgrade', (request, socket, head) => {
      // Node takes its own listener off before it hands the socket over; without one, a reset by the
      // client would end the process.
      socket.on('error', () => socket.destroy());
      try {
        if (isWebSocket(request)) this.#upgrade(request, socket, head);
        else ignoreUpgrade(server, request, asSocket(socket));
      } catch (error) {
        refuse(socket, StepcastError.from(error));
      }
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { connections, http } = this.core;
    const path = request.url?.split('?', 1)[0];
    if (path !== PATH) throw new StepcastError('not_found', `WebSockets are served at ${PATH}.`);
    const { origin, host } = request.headers;
    if (!isAllowedOrigin(origin, host, http.ALLOWED_ORIGINS)) throw new StepcastError('forbidden');
    connections.assertRoom();
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      // The connection keeps itself alive by its listeners, until it closes.
      new WsConnection({ socket: asSocket(socket), ws, core: this.core });
    });
  }
}

/** The HTTP server of Node hands over its own sockets. */
function asSocket(socket: Duplex): Socket {
  if (socket instanceof Socket) return socket;
  throw new TypeError('an upgrade without a socket');
}

function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Serves a request as if it had not asked for another protocol (RFC 9110 §7.8): some clients offer
 * `h2c` with every request. Node has stopped parsing, so a body is lost; such requests fail as empty.
 */
function ignoreUpgrade(server: Server, request: IncomingMessage, socket: Socket): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => {
    socket.end();
  });
  server.emit('request', request, response);
}

/** Answers an upgrade that is refused, as HTTP. */
function refuse(socket: Duplex, error: StepcastError): void {
  const body = JSON.stringify(toProblem(error));
  // The client may keep its half open for ever.
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${error.info.http} ${error.code}\r\n` +
      `Content-Type: ${PROBLEM_CONTENT_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}

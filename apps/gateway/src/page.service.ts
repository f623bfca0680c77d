import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

/** The same from `src` and from `dist`. */
const FOLDER = fileURLToPath(new URL('../../../web/', import.meta.url));

/**
 * What keeps a page that shows the words of strangers from running them: scripts and styles only from
 * the hub, pictures also as data URLs, requests and WebSockets (`'self'` covers both) only to the hub,
 * no text ever parsed as HTML.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/**
 * The page of the hub at `/`, from the folder `web`. It asks for everything at its own origin; where
 * gateway and api are two processes, the proxy in front of them joins them (docs/operations.md).
 */
@Injectable()
export class PageService implements OnModuleInit {
  constructor(private readonly http: HttpAdapterHost) {}

  onModuleInit(): void {
    const fastify = this.http.httpAdapter.getInstance<FastifyInstance>();
    // A scope of its own, so that its headers are on the files and on nothing else.
    void fastify.register(async (scope) => {
      scope.addHook('onSend', async (_request, reply) => {
        reply.headers({
          // Asked for anew each time, which costs a 304: a hub that was updated shows its own page.
          'cache-control': 'no-cache',
          'content-security-policy': CONTENT_SECURITY_POLICY,
          'referrer-policy': 'no-referrer',
        });
      });
      await scope.register(fastifyStatic, {
        root: FOLDER,
        // One route for each file that there is. A wildcard would answer for every unknown address.
        wildcard: false,
        cacheControl: false,
        // Swagger serves files too, and a reply can be decorated once.
        decorateReply: false,
      });
    });
  }
}

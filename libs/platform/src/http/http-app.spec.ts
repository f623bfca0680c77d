import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Delete, Get, Module, Post, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { StepcastError } from '@stepcast/protocol';
import type { FastifyReply } from 'fastify';
import { loadConfig } from '../config/load-config.js';
import { httpSlice, platformSlice } from '../config/platform.config.js';
import { Health } from '../health.js';
import { createLogger } from '../logging.js';
import { createApp } from '../start-app.nest.js';

@Controller('t')
class TestController {
  @Post('echo')
  echo(@Body() body: unknown): { body: unknown } {
    return { body: body ?? 'nothing' };
  }

  @Delete('echo')
  remove(@Body() body: unknown): { body: unknown } {
    return { body: body ?? 'nothing' };
  }

  @Get('unavailable')
  unavailable(): void {
    throw new StepcastError('unavailable');
  }

  @Get('broken')
  broken(): void {
    throw new Error('secret detail');
  }

  @Get('half')
  half(@Res() reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200);
    reply.raw.write('half');
    throw new Error('after the first byte');
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

describe('createHttpApp', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    const slices = [platformSlice, httpSlice];
    const config = loadConfig(slices, {
      LOG_LEVEL: 'silent',
      ALLOWED_ORIGINS: 'https://app.example',
    });
    const logger = createLogger('test', config);
    app = (await createApp(
      { name: 'test', module: TestModule, slices },
      { config, logger },
    )) as NestFastifyApplication;
    await app.listen(0, '127.0.0.1');
  });

  afterAll(() => app.close());

  const post = (payload: string, contentType?: string) =>
    app.inject({
      method: 'POST',
      url: '/t/echo',
      payload,
      headers: contentType === undefined ? {} : { 'content-type': contentType },
    });

  it('parses JSON', async () => {
    expect((await post('{"a":1}', 'application/json; charset=utf-8')).json()).toEqual({
      body: { a: 1 },
    });
  });

  it.each([undefined, 'application/json', 'text/plain'])(
    'accepts an empty body with content type %s',
    async (contentType) => {
      expect((await post('', contentType)).json()).toEqual({ body: 'nothing' });
    },
  );

  it.each([
    ['malformed_json', 400, '{bad', 'application/json'],
    ['malformed_json', 400, '{"__proto__":{"admin":true}}', 'application/json'],
    ['unsupported_media_type', 415, '{"a":1}', 'text/plain'],
    ['unsupported_media_type', 415, 'a=1', 'application/x-www-form-urlencoded'],
    ['unsupported_media_type', 415, '{"a":1}', undefined],
    ['too_large', 413, `"${'x'.repeat(1_048_576)}"`, 'application/json'],
  ])('answers %s with %i', async (code, status, payload, contentType) => {
    const answer = await post(payload, contentType);

    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({ code, status, type: `urn:stepcast:error:${code}` });
  });

  it('does not care what the body of a DELETE is', async () => {
    const answer = await app.inject({
      method: 'DELETE',
      url: '/t/echo',
      payload: 'whatever',
      headers: { 'content-type': 'text/plain' },
    });

    expect(answer.json()).toEqual({ body: 'nothing' });
  });

  it.each(['/nowhere', '/%ZZ'])('answers not_found at %s', async (url) => {
    const answer = await app.inject({ url });

    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ code: 'not_found' });
  });

  it('says when to come back for what may pass', async () => {
    const answer = await app.inject({ url: '/t/unavailable' });

    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.json()).toMatchObject({ code: 'unavailable', retryable: true });
  });

  it('keeps what is unexpected to itself', async () => {
    const answer = await app.inject({ url: '/t/broken' });

    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ code: 'internal' });
    expect(answer.body).not.toContain('secret');
  });

  it('cuts the connection when the first byte is out', async () => {
    const { port } = app.getHttpServer().address() as AddressInfo;

    const outcome = new Promise((resolve) => {
      httpRequest({ port, path: '/t/half' }, (response) => {
        response.on('data', () => undefined);
        response.on('end', () => {
          resolve('whole');
        });
        response.on('error', () => {
          resolve('cut');
        });
      }).end();
    });

    await expect(outcome).resolves.toBe('cut');
  });

  it('refuses foreign origins, also where CORS would not ask', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: '/t/echo',
      headers: { origin: 'http://evil.example' },
    });

    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ code: 'forbidden' });
  });

  it('answers the preflight of an allowed origin', async () => {
    const answer = await app.inject({
      method: 'OPTIONS',
      url: '/t/echo',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'DELETE',
        'access-control-request-headers': 'content-type,idempotency-key',
      },
    });

    expect(answer.statusCode).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
      'access-control-allow-headers': 'content-type,idempotency-key',
    });
  });

  it('serves health and metrics', async () => {
    const [live, ready, metrics] = await Promise.all(
      ['/health/live', '/health/ready', '/metrics'].map((url) => app.inject({ url })),
    );

    expect([live!.statusCode, ready!.statusCode]).toEqual([200, 200]);
    expect(metrics!.body).toContain('stepcast_http_request_seconds_bucket');
  });

  it('is not ready while draining, and asks clients to leave', async () => {
    app.get(Health).startDraining();

    const [ready, live] = await Promise.all(
      ['/health/ready', '/health/live'].map((url) => app.inject({ url })),
    );

    expect(ready!.statusCode).toBe(503);
    expect(ready!.json()).toMatchObject({ status: 'draining' });
    expect(live!.statusCode).toBe(200);
    expect(live!.headers.connection).toBe('close');
  });
});

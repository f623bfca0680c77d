import * as z from 'zod';
import type { ConfigSlice } from './config-slice.js';

/** Where {@link PlatformConfig} is injected. */
export const PLATFORM_CONFIG = Symbol('PlatformConfig');

/** What every process reads. */
export const platformConfigSchema = z.object({
  PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(3_000)
    .describe('Port of the HTTP server; 0 takes a free one.'),
  HOST: z
    .string()
    .default('127.0.0.1')
    .describe(
      'Address to listen on. The default is reachable from this machine only, because the hub has no login.',
    )
    .meta({ example: '0.0.0.0' }),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least important lines that are logged.'),
  LOG_FORMAT: z
    .enum(['json', 'pretty'])
    .default('json')
    .describe('json for machines, pretty for people.'),
  DRAIN_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(25_000)
    .describe(
      'How long a process may take to end its work after SIGTERM. Leave the orchestrator 5 s more than this.',
    ),
});

export type PlatformConfig = Readonly<z.output<typeof platformConfigSchema>>;

export const platformSlice = {
  title: 'Every process',
  token: PLATFORM_CONFIG,
  schema: platformConfigSchema,
} satisfies ConfigSlice;

/** Where {@link HttpConfig} is injected. */
export const HTTP_CONFIG = Symbol('HttpConfig');

/** What processes that serve browsers read. */
export const httpConfigSchema = z.object({
  ALLOWED_ORIGINS: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((origin) => origin.trim()))
    .transform((origins) => origins.filter((origin) => origin !== ''))
    .pipe(
      z.array(
        z.string().regex(/^(\*|null|https?:\/\/[^/\s]+)$/, {
          error: 'origins separated by commas, each with scheme and without a path, or *',
        }),
      ),
    )
    .describe(
      'Origins of web pages, beside those of the hub itself, that may use the hub; * allows every page.',
    )
    .meta({ example: 'https://app.example.com,http://localhost:5173' }),
});

export type HttpConfig = Readonly<z.output<typeof httpConfigSchema>>;

export const httpSlice = {
  title: 'HTTP',
  token: HTTP_CONFIG,
  schema: httpConfigSchema,
} satisfies ConfigSlice;

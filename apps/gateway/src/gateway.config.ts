import { MAX_MEMORY_BYTES } from '@stepcast/hub';
import { jobsSlice, modelsSlice } from '@stepcast/jobs';
import { httpSlice, platformSlice } from '@stepcast/platform';
import { LIMITS } from '@stepcast/protocol';
import { redisSlice } from '@stepcast/redis';
import { z } from 'zod';

export const GATEWAY_CONFIG = Symbol('GatewayConfig');

const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

export const gatewayConfigSchema = z.object({
  MAX_CONNECTIONS: count(1, 1_000_000)
    .default(10_000)
    .describe(
      'WebSocket and streaming connections that one gateway serves; each needs a file descriptor.',
    )
    .meta({ example: '10000' }),
  HEARTBEAT_MS: count(100, 120_000)
    .default(15_000)
    .describe(
      'Pings and comments on connections; two unanswered pings end one. Below the 60 s of proxies.',
    )
    .meta({ example: '15000' }),
  SLOW_VIEWER_MS: count(100, 600_000)
    .default(LIMITS.slowViewerMs)
    .describe(
      'How long a connection may take none of its unsent bytes before it is closed; it may resume.',
    )
    .meta({ example: '30000' }),
  CHANNEL_MEMORY_BYTES: count(1_048_576, 68_719_476_736)
    .default(MAX_MEMORY_BYTES)
    .describe(
      'Memory for the recent events of all watched jobs; above it each keeps its share. Default: 256 full windows.',
    )
    .meta({ example: '268435456' }),
  DRAIN_WINDOW_MS: count(0, 600_000)
    .default(3_000)
    .describe(
      'Over how long connections are sent away at shutdown, so that they do not all return at once.',
    )
    .meta({ example: '3000' }),
  GRPC_PORT: count(0, 65_535)
    .default(50_051)
    .describe('Where the gateway listens for gRPC, on HOST; 0 takes any free port.')
    .meta({ example: '50051' }),
  GRPC_MAX_CALLS_PER_CONNECTION: count(1, 1_000_000)
    .default(1_000)
    .describe(
      'gRPC calls that one connection may have open at a time; clients keep others waiting. Each may hold 64 KiB.',
    )
    .meta({ example: '1000' }),
});

export type GatewayConfig = Readonly<z.infer<typeof gatewayConfigSchema>>;

export const gatewaySlice = {
  token: GATEWAY_CONFIG,
  title: 'Gateway',
  schema: gatewayConfigSchema,
};

export const gatewaySlices = [
  platformSlice,
  httpSlice,
  redisSlice,
  jobsSlice,
  modelsSlice,
  gatewaySlice,
];

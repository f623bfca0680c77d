// A whole hub of separate processes around a Redis of its own, to be broken. Knows nothing of jest.
import { Redis } from 'ioredis';

import { startAppProcess, uniquePrefix, type AppName, type AppProcess } from './app-process.js';
import { startRedis, type PrivateRedis } from './private-redis.js';
import { TcpProxy } from './tcp-proxy.js';

export interface ClusterOptions {
  /** Default 1. */
  readonly apis?: number;
  /** Default 2. */
  readonly gateways?: number;
  /** Default 1. */
  readonly workers?: number;
  /** For every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of its redis-server. */
  readonly redisArgs?: readonly string[];
  /** Default: a new server. */
  readonly redis?: PrivateRedis;
  /** Kinds of process that reach Redis through a proxy of their kind: {@link Cluster.proxies}. */
  readonly through?: readonly AppName[];
}

export interface Cluster {
  readonly redis: PrivateRedis;
  /** To look into Redis with; comes back by itself after a restart. */
  readonly client: Redis;
  /** Prefix of all its keys. */
  readonly prefix: string;
  readonly proxies: Readonly<Partial<Record<AppName, TcpProxy>>>;
  readonly apis: AppProcess[];
  readonly gateways: AppProcess[];
  readonly workers: AppProcess[];
  /** Address of the first API. */
  readonly api: string;
  /** Addresses of the gateways, as they are now. */
  readonly gatewayUrls: string[];
  /** Starts one more process with the cluster's environment, and keeps it in its list. */
  add(
    name: 'api' | 'gateway' | 'worker',
    env?: Readonly<Record<string, string>>,
  ): Promise<AppProcess>;
  /** Kills everything. */
  stop(): Promise<void>;
}

const clients = new Set<Redis>();

/** A client that ends with {@link closeAllClients}, also when its server is gone already. */
export function openClient(url: string): Redis {
  const client = new Redis(url);
  client.on('error', () => undefined);
  clients.add(client);
  return client;
}

function closeClient(client: Redis): void {
  clients.delete(client);
  client.disconnect();
}

export function closeAllClients(): void {
  for (const client of clients) closeClient(client);
}

/** Starts all processes side by side; ready when all of them are. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { apis = 1, gateways = 2, workers = 1, through = [], redisArgs: args = [] } = options;
  const redis = options.redis ?? (await startRedis({ args }));
  const prefix = uniquePrefix();
  const client = openClient(redis.url);
  const proxies: Partial<Record<AppName, TcpProxy>> = {};
  for (const name of through) proxies[name] = await TcpProxy.start(redis.port);

  const lists = {
    api: [] as AppProcess[],
    gateway: [] as AppProcess[],
    worker: [] as AppProcess[],
  };
  const add: Cluster['add'] = async (name, env = {}) => {
    const proxy = proxies[name];
    const url = proxy === undefined ? redis.url : `redis://127.0.0.1:${proxy.port}`;
    const shared = { REDIS_URL: url, KEY_PREFIX: prefix };
    const app = await startAppProcess(name, { ...shared, ...options.env, ...env });
    lists[name].push(app);
    return app;
  };
  const many = (name: keyof typeof lists, count: number) =>
    Array.from({ length: count }, () => add(name));
  await Promise.all([
    ...many('api', apis),
    ...many('gateway', gateways),
    ...many('worker', workers),
  ]);

  return {
    ...{ redis, client, prefix, proxies, add },
    apis: lists.api,
    gateways: lists.gateway,
    workers: lists.worker,
    get api() {
      return lists.api[0]?.url ?? '';
    },
    get gatewayUrls() {
      return lists.gateway.map(({ url }) => url);
    },
    async stop() {
      closeClient(client);
      const all = [...lists.api, ...lists.gateway, ...lists.worker];
      await Promise.all(all.map((app) => app.kill('SIGKILL')));
      await Promise.all(Object.values(proxies).map((proxy) => proxy.stop()));
      await redis.stop();
    },
  };
}

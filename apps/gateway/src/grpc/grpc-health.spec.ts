import { once } from 'node:events';
import {
  credentials,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
} from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { service } from 'grpc-health-check';
import { GrpcHealth } from './grpc-health.js';

interface Watched {
  readonly status: string;
}

let server: Server;
let health: GrpcHealth;
let asked: number;
let answer: () => Promise<ReadonlySet<string>>;
let errors: unknown[];
let stop: () => void;

/** What a watcher of a name has been told. */
let watch: (name: string) => string[];

beforeEach(async () => {
  server = new Server();
  asked = 0;
  errors = [];
  answer = () => Promise.resolve(new Set(['sketch']));
  health = new GrpcHealth({
    models: () => ['sketch'],
    serving: () => {
      asked += 1;
      return answer();
    },
    refreshMs: 5,
    onError: (error) => errors.push(error),
  });
  health.addTo(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const Client = makeGenericClientConstructor(service, 'Health');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  watch = (name) => {
    const told: string[] = [];
    const method = client['Watch'] as (request: object) => NodeJS.ReadableStream;
    method
      .call(client, { service: name })
      .on('data', ({ status }: Watched) => told.push(status))
      .on('error', () => undefined);
    return told;
  };
  stop = () => {
    client.close();
  };
});

afterEach(() => {
  health.end();
  stop();
  server.forceShutdown();
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not come to be');
    await once(AbortSignal.timeout(5), 'abort');
  }
}

it('says that no model is served while nobody can say who lives, and of itself what it said', async () => {
  await health.begin();
  const model = watch('sketch');
  const own = watch('');
  await until(() => model.length === 1 && own.length === 1);

  answer = () => Promise.reject(new Error('Redis is away'));
  await until(() => model.length === 2);
  answer = () => Promise.resolve(new Set(['sketch']));
  await until(() => model.length === 3);

  expect(model).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']);
  expect(own).toEqual(['SERVING']);
  expect(errors[0]).toEqual(new Error('Redis is away'));
});

it('tells a watcher of changes alone', async () => {
  await health.begin();
  const model = watch('sketch');
  await until(() => model.length > 0);

  const before = asked;
  await until(() => asked > before + 10);
  health.end();
  await until(() => model.at(-1) === 'NOT_SERVING');

  expect(model).toEqual(['SERVING', 'NOT_SERVING']);
});

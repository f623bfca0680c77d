// How much of the machine's throughput is left when pictures come as 64 concurrent calls? Images per second of
// `classify` through the hub, by REST and by gRPC, with a PNG to decode in each call, and of a bare loop over
// the same network with tensors that lie ready, at the batch size that the hub really used. Rounds alternate
// in one run; the callers share the machine with the hub.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, type Client } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { createProto, createRandom, loadRegistry } from '@stepcast/models';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { paint, toUrl } from '../models/classify/paint.js';
import { startAppProcess, stopAllApps, uniquePrefix } from '../test/support/app-process.js';
import { metric } from '../test/support/insight.js';
import { describeMachine, summary } from './statistics.js';

const CALLERS = 64;
const ROUND_MS = 10_000;
const ROUNDS = Number(process.argv[2] ?? 4);
const MODELS = fileURLToPath(new URL('../models', import.meta.url));

/** One call of one caller; rejects unless there is a result. */
type Call = (image: string) => Promise<void>;

const hub = await startAppProcess('standalone', {
  REDIS_URL: process.env['REDIS_URL'] ?? '',
  KEY_PREFIX: uniquePrefix(),
});
const random = createRandom(1);
const images = Array.from({ length: CALLERS }, () => toUrl(paint(random, 0.02).planes));

const agent = new http.Agent({ keepAlive: true, maxSockets: CALLERS });

const byRest: Call = async (image) => {
  const request = http.request(`${hub.url}/v1/models/classify/run`, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json', prefer: 'wait=30' },
  });
  request.end(JSON.stringify({ image }));
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = await text(response);
  if (response.statusCode !== 200 || !body.includes('"caption"')) {
    throw new Error(`${response.statusCode}: ${body.slice(0, 300)}`);
  }
};

type Unary = (input: object, done: (error: Error | null, reply: unknown) => void) => void;

/** Calls by the proto that the hub prints, as any client would. */
async function connectGrpc(): Promise<{ call: Call; close: () => void }> {
  const registry = await loadRegistry(MODELS);
  const manifests = registry.list().map((model) => registry.manifest(model));
  const folder = await mkdtemp(path.join(tmpdir(), 'stepcast-bench-'));
  const file = path.join(folder, 'stepcast.proto');
  await writeFile(file, createProto(manifests).text);
  const definition = await load(file, { keepCase: true });
  await rm(folder, { recursive: true });
  const [name] = Object.keys(definition).filter((key) => key.endsWith('.InferenceService'));
  const packages = loadPackageDefinition(definition);
  const Service = (name ?? '').split('.').reduce<unknown>((at, part) => {
    return (at as Record<string, unknown>)[part];
  }, packages) as new (address: string, security: unknown) => Client;
  const client = new Service(hub.grpc, credentials.createInsecure());
  const method = (client as unknown as { PredictClassify: Unary }).PredictClassify.bind(client);
  const call: Call = (image) =>
    new Promise((resolve, reject) => {
      method({ image }, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  return { call, close: client.close.bind(client) };
}

/** Images per second of all callers, each of which calls again as soon as it has its answer. */
async function measureCalls(call: Call): Promise<number> {
  const started = performance.now();
  let count = 0;
  await Promise.all(
    images.map(async (image) => {
      while (performance.now() - started < ROUND_MS) {
        await call(image);
        count++;
      }
    }),
  );
  return (count * 1_000) / (performance.now() - started);
}

/** Images per second of a loop that does nothing but run the network. */
async function measureBare(network: InferenceSession, size: number): Promise<number> {
  const numbers = Float32Array.from({ length: size * 3 * 64 * 64 }, () => random.uniform());
  const pictures = new Tensor('float32', numbers, [size, 3, 64, 64]);
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < ROUND_MS / 2) {
    await network.run({ pictures });
    count += size;
  }
  return (count * 1_000) / (performance.now() - started);
}

/** Batches and the jobs in them, so far. */
async function readBatches(): Promise<{ batches: number; jobs: number }> {
  const [batches, jobs] = await Promise.all(
    ['count', 'sum'].map((part) =>
      metric(hub, `stepcast_worker_batch_size_${part}`, 'model="classify"'),
    ),
  );
  return { batches: batches ?? NaN, jobs: jobs ?? NaN };
}

/** One round through the hub, and how large its batches were. */
async function measureHub(call: Call): Promise<{ rate: number; size: number }> {
  const before = await readBatches();
  const rate = await measureCalls(call);
  const after = await readBatches();
  return { rate, size: (after.jobs - before.jobs) / (after.batches - before.batches) };
}

const network = await InferenceSession.create(path.join(MODELS, 'classify/classifier.onnx'), {
  logSeverityLevel: 3,
});
const grpc = await connectGrpc();
const ways = { REST: byRest, gRPC: grpc.call };
console.log(`classify: ${describeMachine()}; ${CALLERS} callers, ${ROUNDS} rounds`);
for (const [name, call] of Object.entries(ways)) {
  await Promise.all(images.map(call));
  const results = { hub: [] as number[], bare: [] as number[], sizes: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    const { rate, size } = await measureHub(call);
    results.hub.push(rate);
    results.sizes.push(size);
    results.bare.push(await measureBare(network, Math.round(size)));
  }
  const ratios = results.hub.map((rate, round) => rate / (results.bare[round] ?? NaN));
  console.log(
    `${name}: ${summary(results.hub, 'images/s')}; batches ${summary(results.sizes, '')}`,
  );
  console.log(`bare loop: ${summary(results.bare, 'images/s')}`);
  console.log(`${name} to bare: ${summary(ratios, '')}`);
}
grpc.close();
agent.destroy();
await stopAllApps();

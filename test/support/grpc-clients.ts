// Three clients of gRPC that others wrote. Each is given nothing but the address and the printed proto, or not even that.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { fromJson, toJson, type DescMessage, type DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  status as Status,
  type ClientReadableStream,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import { buf } from './buf.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** JSON with the names of the schemas. */
export type Json = Record<string, unknown>;

/** A call that streams, or waits for its answer. */
export interface GrpcCall {
  /** What has come so far. */
  readonly messages: readonly Json[];
  /** Name of the status, and what it says. */
  readonly ended: Promise<{ readonly status: string; readonly details: string }>;
  /** Leaves, as a client does that has seen enough. */
  cancel(): void;
}

export interface GrpcClient {
  readonly name: string;
  call(method: string, input: Json, options?: { readonly deadlineMs?: number }): GrpcCall;
  close(): void;
}

/** All three, for the gateway at an address. */
export async function openGrpcClients(address: string, proto: string): Promise<GrpcClient[]> {
  return [openGrpcJs(address, proto), openBufCurl(address), await openConnect(address, proto)];
}

/** `@grpc/grpc-js` with proto-loader. */
export function openGrpcJs(address: string, proto: string): GrpcClient {
  const client = newGrpcJsClient(address, proto);
  return {
    name: '@grpc/grpc-js',
    close: () => {
      client.close();
    },
    call: (method, input, { deadlineMs } = {}) => {
      const deadline = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
      return startGrpcJs(client, method, input, { metadata: new Metadata(), ...deadline });
    },
  };
}

/** The bare client, for what only grpc-js can do. */
export function newGrpcJsClient(address: string, proto: string, options: object = {}): Client {
  const loaded = loadPackageDefinition(loadSync(proto, { longs: Number, enums: String }));
  const { v1 } = loaded['stepcast'] as unknown as {
    v1: { InferenceService: ServiceClientConstructor };
  };
  return new v1.InferenceService(address, credentials.createInsecure(), options);
}

type Answer = (error: ServiceError | null, message?: Json) => void;
type Method = (input: Json, metadata: Metadata, options: object, answer?: Answer) => GrpcJsCall;
type GrpcJsCall = ClientReadableStream<Json>;

/** Calls a method that streams, or one that does not. */
export function startGrpcJs(
  client: Client,
  method: string,
  input: Json,
  { metadata, ...options }: { readonly metadata: Metadata; readonly deadline?: number },
): GrpcCall & { readonly raw: GrpcJsCall } {
  const start = (client as unknown as Record<string, Method & { responseStream: boolean }>)[method];
  if (start === undefined) throw new Error(`no method ${method}`);
  const messages: Json[] = [];
  let resolve: (end: Awaited<GrpcCall['ended']>) => void = () => undefined;
  const ended: GrpcCall['ended'] = new Promise((settle) => (resolve = settle));
  const answer: Answer = (_error, message) => {
    if (message !== undefined) messages.push(message);
  };
  const raw = start.call(
    client,
    ...([
      input,
      metadata,
      options,
      ...(start.responseStream ? [] : [answer]),
    ] as Parameters<Method>),
  );
  raw.on('status', ({ code, details }) => {
    // Behind the answer of a call that does not stream.
    setImmediate(() => {
      resolve({ status: Status[code], details });
    });
  });
  if (start.responseStream) {
    raw.on('data', (message: Json) => messages.push(message));
    raw.on('error', () => undefined);
  }
  return {
    ...{ messages, ended, raw },
    cancel: () => {
      raw.cancel();
    },
  };
}

const SERVICE = 'stepcast.v1.InferenceService';

/** `buf curl`, which knows nothing but what reflection says. */
export function openBufCurl(address: string, service = SERVICE): GrpcClient {
  return {
    name: 'buf curl',
    close: () => undefined,
    call: (method, input, { deadlineMs } = {}) => {
      const limit = deadlineMs === undefined ? [] : ['-H', `stepcast-timeout-ms: ${deadlineMs}`];
      // It knows no deadlines, so that the hub is asked for one.
      const args = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...limit];
      const child = spawn(
        path.join(root, 'node_modules/.bin/buf'),
        [...args, '-d', JSON.stringify(input), `http://${address}/${service}/${method}`],
        // Its launcher passes no signal on, so that the whole group is told.
        { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
      );
      const messages: Json[] = [];
      let rest = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        // Objects are printed with an indent, so one ends at a line that holds a brace alone.
        const parts = (rest + text).split(/(?<=^\})\n/m);
        rest = parts.pop() ?? '';
        messages.push(...parts.map((part) => JSON.parse(part) as Json));
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const ended = once(child, 'close').then(([code]) => statusOfBuf(code as number, stderr));
      return {
        ...{ messages, ended },
        cancel: () => {
          if (child.pid !== undefined && child.exitCode === null)
            process.kill(-child.pid, 'SIGINT');
        },
      };
    },
  };
}

function statusOfBuf(code: number | null, stderr: string): Awaited<GrpcCall['ended']> {
  if (code === 0) return { status: 'OK', details: '' };
  const error = /\{.*\}/s.exec(stderr)?.[0];
  if (error === undefined) return { status: 'CANCELLED', details: stderr };
  const { code: name, message = '' } = JSON.parse(error) as { code: string; message?: string };
  return { status: name === 'canceled' ? 'CANCELLED' : name.toUpperCase(), details: message };
}

/** `@connectrpc/connect-node` with the code that `buf generate` makes. */
export async function openConnect(address: string, proto: string): Promise<GrpcClient> {
  const service = await generate(proto);
  const transport = createGrpcTransport({ baseUrl: `http://${address}` });
  const client = createClient(service, transport) as unknown as Record<string, ConnectMethod>;
  return {
    name: '@connectrpc/connect-node',
    close: () => undefined,
    call: (method, input, { deadlineMs } = {}) => {
      const name = `${method.charAt(0).toLowerCase()}${method.slice(1)}`;
      const described = service.methods.find(({ localName }) => localName === name);
      const start = client[name];
      if (described === undefined || start === undefined) throw new Error(`no method ${method}`);
      const controller = new AbortController();
      const limit = deadlineMs === undefined ? {} : { timeoutMs: deadlineMs };
      const request = fromJson(described.input, input as never);
      const answer = start(request, { signal: controller.signal, ...limit });
      const messages: Json[] = [];
      const ended = collect(answer, described.output, messages).then(
        () => ({ status: 'OK', details: '' }),
        (error: unknown) => {
          const { code, rawMessage } = ConnectError.from(error);
          return { status: STATUS_OF[code], details: rawMessage };
        },
      );
      return {
        ...{ messages, ended },
        cancel: () => {
          controller.abort();
        },
      };
    },
  };
}

type ConnectMethod = (input: unknown, options: object) => AsyncIterable<unknown> | Promise<unknown>;

/** The numbers are the same. */
const STATUS_OF = Object.fromEntries(
  Object.values(Code)
    .filter((code) => typeof code === 'number')
    .map((code) => [code, Status[code] ?? String(code)]),
) as Record<Code, string>;

async function collect(
  answer: AsyncIterable<unknown> | Promise<unknown>,
  output: DescMessage,
  messages: Json[],
): Promise<void> {
  const json = (message: unknown): Json => toJson(output, message as never) as Json;
  if (answer instanceof Promise) messages.push(json(await answer));
  else for await (const message of answer) messages.push(json(message));
}

/** In a folder from which the run-time of the generated code is found. */
async function generate(proto: string): Promise<DescService> {
  const folder = path.join(root, `node_modules/.cache/stepcast-grpc-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    const plugin = { local: 'protoc-gen-es', out: '.', opt: ['target=js', 'import_extension=js'] };
    const config = JSON.stringify({ version: 'v2', plugins: [plugin] });
    const { code, stderr } = await buf(
      ['generate', path.dirname(proto), '--path', proto, '--template', config],
      folder,
    );
    if (code !== 0) throw new Error(stderr);
    const file = pathToFileURL(path.join(folder, 'stepcast_pb.js')).href;
    const made = (await import(file)) as { InferenceService: DescService };
    return made.InferenceService;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

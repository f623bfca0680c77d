import {
  status as Status,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Encoder } from '@stepcast/hub';
import type { Submission } from '@stepcast/jobs';
import { fromProto, PROTO_PACKAGE, type ProtoModel } from '@stepcast/models';
import { StepcastError } from '@stepcast/protocol';
import type { GatewayCore } from '../gateway-core.js';
import { parseCallOptions } from './call-options.js';
import { streamingSink, unarySink, type StreamingCall, type UnaryCall } from './call-sinks.js';
import { toServiceError, statusOfError } from './call-status.js';
import { createEncoder, eventEncoder, outputEncoder } from './event-encoder.js';
import { GrpcCall } from './grpc-call.js';
import { SERVICE_NAME, type GrpcApi } from './grpc-api.js';
import type { GrpcMetrics } from './grpc-metrics.js';
import { listModels } from './list-models.js';

export interface InferenceParts {
  readonly core: GatewayCore;
  readonly api: GrpcApi;
  readonly metrics: GrpcMetrics;
  /** Served names of the models that a living worker runs. */
  readonly serving: () => Promise<ReadonlySet<string>>;
}

/** As grpc-js wants it. */
export interface InferenceService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

type Method = readonly [MethodDefinition<Buffer, Uint8Array>, UntypedServiceImplementation[string]];

/** The methods of all models. */
export function createInferenceService(parts: InferenceParts): InferenceService {
  const methods: Method[] = [[definitionOf('ListModels', false), listing(parts)]];
  for (const model of parts.api.models) methods.push(...methodsOf(parts, model));
  const byName = <T>(pick: (method: Method) => T): Record<string, T> =>
    Object.fromEntries(methods.map((one) => [nameOf(one[0].path), pick(one)]));
  return {
    definition: byName(([definition]) => definition),
    implementation: byName(([, handler]) => handler),
  };
}

function methodsOf(parts: InferenceParts, model: ProtoModel): Method[] {
  const { api } = parts;
  const predict = `Predict${model.title}`;
  const output = createEncoder(outputEncoder(api, model));
  if (model.event === undefined) {
    return [[definitionOf(predict, false), unary(parts, model, output, predict)]];
  }
  const events = createEncoder(eventEncoder(api, model));
  const run = `Run${model.title}`;
  return [
    [definitionOf(predict, true), streaming(parts, model, events, predict)],
    [definitionOf(run, false), unary(parts, model, output, run)],
  ];
}

function definitionOf(name: string, streams: boolean): MethodDefinition<Buffer, Uint8Array> {
  const same = (bytes: Uint8Array): Buffer =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    path: `/${SERVICE_NAME}/${name}`,
    requestStream: false,
    responseStream: streams,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function streaming(
  { core, api, metrics }: InferenceParts,
  model: ProtoModel,
  encoder: Encoder,
  method: string,
): handleServerStreamingCall<Buffer, Uint8Array> {
  return (call: StreamingCall) => {
    const sink = streamingSink(call, core.turn, () => {
      one.pump();
    });
    const one = new GrpcCall({ call, sink, core, encoder, onEnd: metrics.begin(method) });
    one.run(() => submissionOf(api, model, call)).catch(core.onError);
  };
}

function unary(
  { core, api, metrics }: InferenceParts,
  model: ProtoModel,
  encoder: Encoder,
  method: string,
): handleUnaryCall<Buffer, Uint8Array> {
  return (call: UnaryCall, callback) => {
    const sink = unarySink(callback);
    const one = new GrpcCall({ call, sink, core, encoder, onEnd: metrics.begin(method) });
    one.run(() => submissionOf(api, model, call)).catch(core.onError);
  };
}

/** @throws {StepcastError} `invalid_input` with every fault */
function submissionOf(
  api: GrpcApi,
  model: ProtoModel,
  { request, metadata }: StreamingCall | UnaryCall,
): Submission {
  const name = model.request.of.fullName;
  const { json, faults } = fromProto(model.request, decode(api, name, request));
  if (faults.length > 0) {
    const list = faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw new StepcastError('invalid_input', list, { faults });
  }
  return { model: model.name, input: json, ...parseCallOptions(metadata) };
}

function decode(api: GrpcApi, name: string, bytes: Buffer): Record<string, unknown> {
  try {
    return api.decode(name, bytes);
  } catch (cause) {
    const message = `The request is no ${PROTO_PACKAGE}.${name}; make the client from the present proto.`;
    throw new StepcastError('invalid_input', message, { cause });
  }
}

function listing({
  api,
  metrics,
  serving,
  core,
}: InferenceParts): handleUnaryCall<Buffer, Uint8Array> {
  return (_call, callback) => {
    const ended = metrics.begin('ListModels');
    const answer = async (): Promise<void> => {
      callback(null, api.encode('ListModelsResponse', listModels(api, await serving())));
      ended(Status.OK);
    };
    answer().catch((error: unknown) => {
      core.onError(error);
      const status = statusOfError(StepcastError.from(error));
      callback(toServiceError(status));
      ended(status.code);
    });
  };
}

import type { PackageDefinition } from '@grpc/proto-loader';
import {
  createProto,
  parseProto,
  PROTO_FILE,
  PROTO_PACKAGE,
  type ModelManifest,
  type ProtoModel,
  type ProtoObject,
  type UnservedModel,
} from '@stepcast/models';
import type protobuf from 'protobufjs';
import { describeFiles, describeHealth } from './file-descriptor.js';

/** The full name of the service. */
export const SERVICE_NAME = `${PROTO_PACKAGE}.InferenceService`;

/** The gRPC interface of the models that a gateway knows. */
export interface GrpcApi {
  /** What is printed is what is served: everything below is made from it. */
  readonly text: string;
  readonly models: readonly ProtoModel[];
  readonly unserved: readonly UnservedModel[];
  encode(message: string, object: ProtoObject): Uint8Array;
  /** @throws when the bytes are no such message */
  decode(message: string, bytes: Uint8Array): ProtoObject;
  /** Descriptors for reflection. */
  readonly descriptors: PackageDefinition;
}

export function createGrpcApi(manifests: readonly ModelManifest[]): GrpcApi {
  const { text, models, unserved } = createProto(manifests);
  const root = parseProto(text);
  const typeOf = (name: string): protobuf.Type => root.lookupType(`${PROTO_PACKAGE}.${name}`);
  return {
    ...{ text, models, unserved },
    encode: (name, object) => {
      const type = typeOf(name);
      return type.encode(type.fromObject(object)).finish();
    },
    decode: (name, bytes) => {
      const type = typeOf(name);
      return type.toObject(type.decode(bytes), { longs: String });
    },
    descriptors: describePackage([
      ...describeFiles(root, PROTO_FILE, PROTO_PACKAGE),
      ...describeHealth(),
    ]),
  };
}

/** Full names of a model's methods, the one that streams first. */
export function methodNames({ title, event }: ProtoModel): string[] {
  const names = event === undefined ? [`Predict${title}`] : [`Predict${title}`, `Run${title}`];
  return names.map((name) => `${SERVICE_NAME}/${name}`);
}

/** The one thing that reflection reads of a package definition. */
function describePackage(fileDescriptorProtos: Buffer[]): PackageDefinition {
  const files = { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos };
  return { [SERVICE_NAME]: files } as unknown as PackageDefinition;
}

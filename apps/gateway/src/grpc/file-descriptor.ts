import { protoPath as healthPath } from 'grpc-health-check';
import { toMapEntryName } from '@stepcast/models';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';

/** Numbers of types in descriptor.proto. */
const SCALARS: Readonly<Record<string, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  int32: 5,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
};

const MESSAGE = 11;
const ENUM = 14;
const OPTIONAL = 1;
const REPEATED = 3;

const STRUCT_FILE = 'google/protobuf/struct.proto';

const HEALTH_FILE = 'grpc/health/v1/health.proto';

/** Descriptors of grpc.health.v1. */
export function describeHealth(): Buffer[] {
  const root = new protobuf.Root().loadSync(healthPath, { keepCase: true });
  root.resolveAll();
  return [describeFile(root.lookup('grpc.health.v1') as protobuf.Namespace, HEALTH_FILE, [])];
}

/**
 * Descriptors of the file and of what it imports, for reflection. Made here, because `toDescriptor` of
 * protobufjs leaves out what is `optional`, the names in JSON and the imports.
 */
export function describeFiles(root: protobuf.Root, file: string, packageName: string): Buffer[] {
  return [
    describeFile(root.lookup('google.protobuf') as protobuf.Namespace, STRUCT_FILE, []),
    describeFile(root.lookup(packageName) as protobuf.Namespace, file, [STRUCT_FILE]),
  ];
}

function describeFile(space: protobuf.Namespace, name: string, dependency: string[]): Buffer {
  const { nestedArray } = space;
  const file = {
    name,
    package: space.fullName.slice(1),
    dependency,
    syntax: 'proto3',
    messageType: nestedArray.filter(isType).map(describeType),
    enumType: nestedArray.filter(isEnum).map(describeEnum),
    service: nestedArray.filter((one) => one instanceof protobuf.Service).map(describeService),
  };
  const type = descriptor.FileDescriptorProto;
  return Buffer.from(type.encode(type.fromObject(file)).finish());
}

const isType = (one: protobuf.ReflectionObject): one is protobuf.Type =>
  one instanceof protobuf.Type;

const isEnum = (one: protobuf.ReflectionObject): one is protobuf.Enum =>
  one instanceof protobuf.Enum;

function describeType(type: protobuf.Type): object {
  const real = type.oneofsArray.filter(({ oneof, fieldsArray }) => {
    return oneof.length > 1 || fieldsArray[0] === undefined || !isOptional(fieldsArray[0]);
  });
  const optionals = type.fieldsArray.filter(isOptional);
  // The language wants the oneofs that `optional` stands for behind all others.
  const oneofs = [...real.map(({ name }) => name), ...optionals.map(({ name }) => `_${name}`)];
  const maps = type.fieldsArray.filter((field) => field instanceof protobuf.MapField);
  return {
    name: type.name,
    field: type.fieldsArray.map((field) => describeField(field, oneofs)),
    nestedType: [...type.nestedArray.filter(isType).map(describeType), ...maps.map(describeEntry)],
    enumType: type.nestedArray.filter(isEnum).map(describeEnum),
    oneofDecl: oneofs.map((name) => ({ name })),
  };
}

const isOptional = (field: protobuf.Field): boolean => field.getOption('proto3_optional') === true;

function describeField(field: protobuf.Field, oneofs: readonly string[]): object {
  const name = snakeCase(field.name);
  const oneof = isOptional(field) ? `_${field.name}` : field.partOf?.name;
  const jsonName = field.getOption('json_name') as string | undefined;
  const isMap = field instanceof protobuf.MapField;
  return {
    name,
    number: field.id,
    label: field.repeated || isMap ? REPEATED : OPTIONAL,
    ...(isMap
      ? { type: MESSAGE, typeName: `${field.parent?.fullName ?? ''}.${entryName(field)}` }
      : typeOf(field)),
    ...(oneof === undefined ? {} : { oneofIndex: oneofs.indexOf(oneof) }),
    ...(isOptional(field) ? { proto3Optional: true } : {}),
    jsonName: jsonName ?? protobuf.util.camelCase(name),
  };
}

function typeOf({ type, resolvedType }: protobuf.Field): object {
  if (resolvedType === null) return { type: SCALARS[type] };
  return { type: isEnum(resolvedType) ? ENUM : MESSAGE, typeName: resolvedType.fullName };
}

/** The message that a map field stands for. */
function describeEntry(field: protobuf.Field): object {
  return {
    name: entryName(field),
    field: [
      { name: 'key', number: 1, label: OPTIONAL, type: SCALARS['string'], jsonName: 'key' },
      { name: 'value', number: 2, label: OPTIONAL, ...typeOf(field), jsonName: 'value' },
    ],
    options: { mapEntry: true },
  };
}

const entryName = ({ name }: protobuf.Field): string => toMapEntryName(name);

function describeEnum({ name, values }: protobuf.Enum): object {
  const value = Object.entries(values).map(([key, number]) => ({ name: key, number }));
  return { name, value };
}

function describeService(service: protobuf.Service): object {
  const method = service.methodsArray.map((one) => ({
    name: one.name,
    inputType: one.resolvedRequestType?.fullName,
    outputType: one.resolvedResponseType?.fullName,
    serverStreaming: one.responseStream === true,
  }));
  return { name: service.name, method };
}

/** protobufjs has the fields of google.protobuf.Value in camel case. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

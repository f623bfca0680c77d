/** A type of proto3, with what is needed to turn JSON into it and back. */
export type ProtoType =
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | { readonly kind: 'bytes'; readonly encoding: 'base64' | 'base64url' }
  | { readonly kind: 'enum'; readonly of: ProtoEnum }
  | { readonly kind: 'message'; readonly of: ProtoMessage }
  /** A value that proto cannot say where it stands: the one field of a message made for it. */
  | { readonly kind: 'wrapped'; readonly of: ProtoMessage }
  | { readonly kind: 'repeated'; readonly item: ProtoType }
  | { readonly kind: 'map'; readonly value: ProtoType }
  /** Any JSON: google.protobuf.Value. */
  | { readonly kind: 'value' }
  | { readonly kind: 'tensor' };

export type ScalarName = 'string' | 'bool' | 'int32' | 'uint32' | 'int64' | 'float' | 'double';

export interface ProtoField {
  /** Its name in JSON. */
  readonly key: string;
  /** Its name in proto. */
  readonly name: string;
  readonly number: number;
  readonly type: ProtoType;
  /** Whether JSON must have it. */
  readonly isRequired: boolean;
  readonly isNullable: boolean;
  /** Whether it is printed as `optional`: whoever reads it can tell "not set" from zero. */
  readonly hasPresence: boolean;
  readonly comment: string;
}

export interface ProtoEnumValue {
  /** The string in JSON. */
  readonly key: string;
  readonly name: string;
  readonly number: number;
}

export interface ProtoEnum {
  readonly name: string;
  /** Of the value 0, which stands for "not set". */
  readonly zeroName: string;
  /** Without the zero. */
  readonly values: readonly ProtoEnumValue[];
}

export interface ProtoMessage {
  readonly name: string;
  /** Below the package, joined by dots. */
  readonly fullName: string;
  readonly comment: string;
  readonly fields: ProtoField[];
  readonly messages: ProtoMessage[];
  readonly enums: ProtoEnum[];
}

/** A message as protobufjs takes and gives it: fields by their proto name, int64 as a string. */
export type ProtoObject = Record<string, unknown>;

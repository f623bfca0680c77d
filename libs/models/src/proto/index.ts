export {
  createProto,
  parseProto,
  PROTO_FILE,
  PROTO_PACKAGE,
  type ProtoText,
  type UnservedModel,
} from './create-proto.js';
export type { ProtoModel } from './proto-model.js';
export type { ProtoObject } from './proto-type.js';
export type { EventMessage } from './event-message.js';
export type { MessageType } from './from-schema.js';
export { fromProto, toProto } from './codec.js';
export { toStructObject } from './struct.js';
export { toMapEntryName } from './names.js';

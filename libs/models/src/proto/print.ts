import { toJsonName } from './names.js';
import type { ProtoEnum, ProtoField, ProtoMessage, ProtoType } from './proto-type.js';

/** The lines of a comment above something; none for an empty one. */
export function printComment(comment: string, indent = ''): string[] {
  if (comment.trim() === '') return [];
  return comment
    .trim()
    .split(/\s*\r?\n\s*/)
    .map((line) => `${indent}// ${line}`);
}

/** A message with everything inside it. */
export function printMessage(message: ProtoMessage, indent = ''): string[] {
  const inner = `${indent}  `;
  const body = [
    ...message.enums.flatMap((one) => printEnum(one, inner)),
    ...message.messages.flatMap((one) => printMessage(one, inner)),
    ...message.fields.flatMap((field) => printField(field, message, inner)),
  ];
  const head = printComment(message.comment, indent);
  if (body.length === 0) return [...head, `${indent}message ${message.name} {}`];
  return [...head, `${indent}message ${message.name} {`, ...body, `${indent}}`];
}

/** A field with its comment; inside a `oneof` nothing is `optional`. */
export function printField(field: ProtoField, owner: ProtoMessage, indent: string): string[] {
  const label = field.hasPresence ? 'optional ' : '';
  const json = field.key === toJsonName(field.name) ? '' : ` [json_name = ${quote(field.key)}]`;
  return [
    ...printComment(field.comment, indent),
    `${indent}${label}${printType(field.type, owner)} ${field.name} = ${field.number}${json};`,
  ];
}

function printType(type: ProtoType, owner: ProtoMessage): string {
  switch (type.kind) {
    case 'scalar':
      return type.name;
    case 'bytes':
      return 'bytes';
    case 'enum':
      return type.of.name;
    case 'message':
    case 'wrapped':
      // A nested type by its short name; one further out in full, as something nearer may be called the same.
      return owner.messages.includes(type.of) ? type.of.name : `.stepcast.v1.${type.of.fullName}`;
    case 'repeated':
      return `repeated ${printType(type.item, owner)}`;
    case 'map':
      return `map<string, ${printType(type.value, owner)}>`;
    case 'value':
      return 'google.protobuf.Value';
    case 'tensor':
      return 'Tensor';
  }
}

function printEnum({ name, zeroName, values }: ProtoEnum, indent: string): string[] {
  return [
    `${indent}enum ${name} {`,
    `${indent}  ${zeroName} = 0;`,
    ...values.map((value) => `${indent}  ${value.name} = ${value.number};`),
    `${indent}}`,
  ];
}

function quote(text: string): string {
  return JSON.stringify(text);
}

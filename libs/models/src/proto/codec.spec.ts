import { describe, expect, it } from '@jest/globals';
import protobuf from 'protobufjs';
import { z } from 'zod';
import { tensor } from '../tensor.js';
import { toProto, fromProto } from './codec.js';
import { messageOf, type Direction, type MessageType } from './from-schema.js';
import { printMessage } from './print.js';

const TENSOR = `message Tensor {
  repeated int64 shape = 1; string dtype = 2; bytes data = 3; repeated string strings = 4;
}`;

/** A message of a schema, and the way of JSON through its bytes. */
function messageFor(schema: z.ZodType, direction: Direction) {
  const json = z.toJSONSchema(schema, { io: direction === 'request' ? 'input' : 'output' });
  const at = { direction, name: 'It', scope: '', path: 'input', comment: '' };
  const type: MessageType = messageOf(json, at);
  const root = new protobuf.Root();
  root.addJSON(protobuf.common.get('google/protobuf/struct.proto')?.nested ?? {});
  const text = ['syntax = "proto3";', 'package stepcast.v1;', TENSOR, ...printMessage(type.of)];
  protobuf.parse(text.join('\n'), root, { keepCase: true });
  const It = root.lookupType('stepcast.v1.It');
  const read = (object: Record<string, unknown>) => {
    const bytes = It.encode(It.fromObject(object)).finish();
    return fromProto(type, It.toObject(It.decode(bytes), { longs: String }));
  };
  return { read, through: (value: unknown) => read(toProto(type, value)) };
}

describe('JSON through the bytes of a message', () => {
  const schema = z.object({
    text: z.string(),
    count: z.int(),
    small: z.int32(),
    ratio: z.number(),
    on: z.boolean(),
    bytes: z.base64(),
    mood: z.enum(['very glad', 'sad']),
    tags: z.array(z.string()),
    grid: z.array(z.array(z.int())),
    weights: z.record(z.string(), z.number()),
    lists: z.record(z.string(), z.array(z.int())),
    box: z.object({ w: z.int(), deep: z.object({ h: z.int() }) }),
    any: z.json(),
    missing: z.string().optional(),
    none: z.string().nullable(),
    pixels: tensor('float32', [2]),
    names: tensor('string', [1]),
  });
  const value = {
    ...{ text: '', count: 0, small: -7, ratio: 0.1, on: false, bytes: 'AAEC/w==' },
    ...{ mood: 'very glad', tags: ['a', ''], grid: [[1, 2], [], [3]] },
    ...{ weights: { a: 1.5, __proto: 0 }, lists: { x: [1], y: [] } },
    box: { w: 1, deep: { h: 9_007_199_254_740_991 } },
    any: { a: [1, 'x', null, true, { b: {} }] },
    none: null,
    pixels: { dtype: 'float32', shape: [2], data: 'AAAAAAAAgD8=' },
    names: { dtype: 'string', shape: [1], data: ['a'] },
  };

  it('comes out as it went in, zeros and empty texts too', () => {
    const { json, faults } = messageFor(schema, 'request').through(value);

    expect(faults).toEqual([]);
    expect(JSON.parse(JSON.stringify(json))).toEqual(value);
  });

  it.each<[string, z.ZodType, unknown]>([
    ['a string', z.string(), 'x'],
    ['a list', z.array(z.int()), [1, 2]],
    ['null', z.string().nullable(), null],
  ])('may be %s by itself', (_what, one, json) => {
    expect(messageFor(one, 'request').through(json).json).toEqual(json);
  });
});

describe('a request', () => {
  const schema = z.object({
    mood: z.enum(['glad', 'sad']),
    tags: z.array(z.string()),
    more: z.array(z.string()).default(['x']),
    steps: z.int().default(20),
  });

  it('leaves out what is not set, so that the schema finds it or fills it in', () => {
    const { json } = messageFor(schema, 'request').read({});

    expect(json).toEqual({ tags: [] });
  });

  it('tells a zero that was sent from none', () => {
    expect(messageFor(schema, 'request').read({ steps: 0 }).json).toEqual({ tags: [], steps: 0 });
  });

  it('with a number that is no value of the enum has a fault with path and values', () => {
    expect(messageFor(schema, 'request').read({ mood: 5 }).faults).toEqual([
      {
        path: 'mood',
        message:
          '5 is no value of the enum; use MOOD_GLAD, MOOD_SAD, or MOOD_UNSPECIFIED for the default',
      },
    ]);
  });
});

it('writes half of a surrogate pair as U+FFFD wherever a text may stand: it has no UTF-8', () => {
  const schema = z.object({
    text: z.string(),
    map: z.record(z.string(), z.string()),
    any: z.json(),
    names: tensor('string', [1]),
  });
  const valueOf = (half: string, pair = '😀') => ({
    text: `a${half}${pair}`,
    map: { [half]: half },
    any: { [half]: [half] },
    names: { dtype: 'string', shape: [1], data: [half] },
  });

  const { json } = messageFor(schema, 'request').through(valueOf('\ud800'));

  expect(json).toEqual(valueOf('\ufffd'));
});

import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineModel } from '../define-model.js';
import { createManifest, type ModelManifest } from '../manifest.js';
import { tensor } from '../tensor.js';
import { createProto } from './create-proto.js';
import { numberOf } from './field-numbers.js';

interface Parts {
  readonly name?: string;
  readonly input?: z.ZodType;
  readonly events?: Record<string, { schema: z.ZodType }>;
  readonly output?: z.ZodType;
}

/** `name` as it is served. */
function manifestOf({ name = 'echo', input, events, output }: Parts): ModelManifest {
  const model = defineModel({
    name: 'echo',
    description: 'Says it again.',
    input: input ?? z.object({}),
    events: events ?? {},
    output: output ?? z.object({}),
    run: () => ({}),
  });
  return { ...createManifest(model), name };
}

/** The lines of a message, without comments and indents. */
function fieldsOf(text: string, message: string): string[] {
  const body = new RegExp(`^message ${message} \\{\n(.*?)^\\}`, 'ms').exec(text)?.[1] ?? '';
  const lines = body.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('//'));
}

const requestOf = (input: z.ZodType): string[] =>
  fieldsOf(createProto([manifestOf({ input })]).text, 'EchoRequest');

const responseOf = (output: z.ZodType): string[] =>
  fieldsOf(createProto([manifestOf({ output })]).text, 'EchoResponse');

describe('the type of a field', () => {
  it.each<[string, z.ZodType, string]>([
    ['a string', z.string(), 'string x'],
    ['a boolean', z.boolean(), 'bool x'],
    ['an integer', z.int().min(1).max(1000), 'int64 x'],
    ['an integer of 32 bits', z.int32(), 'int32 x'],
    ['one without a sign', z.uint32(), 'uint32 x'],
    ['a number', z.number().min(0), 'double x'],
    ['a float', z.float32(), 'float x'],
    ['base64', z.base64(), 'bytes x'],
    ['a list', z.array(z.string()), 'repeated string x'],
    ['a record', z.record(z.string(), z.int()), 'map<string, int64> x'],
    ['anything', z.unknown(), 'google.protobuf.Value x'],
    ['any JSON', z.json(), 'google.protobuf.Value x'],
    ['an open object', z.looseObject({ a: z.string() }), 'google.protobuf.Value x'],
    ['a tensor', tensor('float32', ['batch', 3]), 'Tensor x'],
    ['what may be null', z.string().nullable(), 'optional string x'],
    ['what may be missing', z.string().optional(), 'optional string x'],
  ])('of %s', (_what, schema, expected) => {
    expect(responseOf(z.object({ x: schema }))).toEqual([`${expected} = ${numberOf('x')};`]);
  });

  it('of a request is optional also where it must be there, so that a missing one is seen', () => {
    const text = createProto([manifestOf({ input: z.object({ x: z.string() }) })]).text;

    expect(fieldsOf(text, 'EchoRequest')).toEqual([`optional string x = ${numberOf('x')};`]);
    expect(text).toContain('  // Required\n');
  });

  it('of an object is a message, of a list of lists one that holds the inner', () => {
    expect(responseOf(z.object({ box: z.object({ w: z.int() }) }))).toEqual([
      ...['message Box {', `int64 w = ${numberOf('w')};`, '}'],
      `Box box = ${numberOf('box')};`,
    ]);
    expect(responseOf(z.object({ grid: z.array(z.array(z.int())) }))).toEqual([
      ...['message GridList {', 'repeated int64 items = 1;', '}'],
      `repeated GridList grid = ${numberOf('grid')};`,
    ]);
  });

  it('of lists of lists of lists, and of maps of lists, is a message around each', () => {
    expect(responseOf(z.object({ x: z.array(z.array(z.array(z.int()))) }))).toEqual([
      ...['message XList {', 'repeated int64 items = 1;', '}'],
      ...['message XListList {', 'repeated .stepcast.v1.EchoResponse.XList items = 1;', '}'],
      `repeated XListList x = ${numberOf('x')};`,
    ]);
    expect(responseOf(z.object({ x: z.record(z.string(), z.array(z.int())) }))).toEqual([
      ...['message XItems {', 'repeated int64 items = 1;', '}'],
      `map<string, XItems> x = ${numberOf('x')};`,
    ]);
  });

  it('of an enum whose field begins with a digit has constants that begin with a letter', () => {
    expect(responseOf(z.object({ '2d': z.enum(['a']) }))).toEqual(
      expect.arrayContaining(['F_2D_UNSPECIFIED = 0;', `F_2D_A = ${numberOf('a')};`]),
    );
  });

  it('of an enum has a zero of its own and the strings behind it', () => {
    expect(responseOf(z.object({ why: z.enum(['end', 'too long']) }))).toEqual([
      ...['enum Why {', 'WHY_UNSPECIFIED = 0;', `WHY_END = ${numberOf('end')};`],
      `WHY_TOO_LONG = ${numberOf('too long')};`,
      ...['}', `Why why = ${numberOf('why')};`],
    ]);
  });

  it('of a recursive object is its own message', () => {
    const tree = z.object({
      label: z.string(),
      get children() {
        return z.array(tree);
      },
    });

    expect(responseOf(tree)).toContain(
      `repeated .stepcast.v1.EchoResponse children = ${numberOf('children')};`,
    );
  });

  it('of an output that is no object is a message with a value', () => {
    expect(responseOf(z.string())).toEqual(['string value = 1;']);
  });
});

describe('a field', () => {
  it('is named as proto does, and keeps its name in JSON', () => {
    expect(responseOf(z.object({ maxTokens: z.int(), 'top-k': z.int(), a_b: z.int() }))).toEqual([
      `int64 max_tokens = ${numberOf('maxTokens')};`,
      `int64 top_k = ${numberOf('top-k')} [json_name = "top-k"];`,
      `int64 a_b = ${numberOf('a_b')} [json_name = "a_b"];`,
    ]);
  });

  it('keeps its number when others come, go or change places', () => {
    const a = requestOf(z.object({ a: z.string(), b: z.int() }));
    const b = requestOf(z.object({ c: z.int(), b: z.int(), a: z.string() }));

    expect(b).toEqual(expect.arrayContaining(a));
  });

  it('has the number that its author chose, also behind optional and default', () => {
    const chosen = z.int().meta({ field: 7 }).optional();

    expect(responseOf(z.object({ x: chosen }))).toEqual(['optional int64 x = 7;']);
    expect(responseOf(z.object({ x: z.enum(['a']).meta({ values: { a: 1 } }) }))).toContain(
      'X_A = 1;',
    );
  });
});

describe('a number', () => {
  it('needs at most three bytes and is none that the language reserves', () => {
    const numbers = Array.from({ length: 50_000 }, (_, index) => numberOf(`field${index}`));

    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(16);
    expect(Math.max(...numbers)).toBeLessThanOrEqual(262_143);
    expect(numbers.filter((number) => number >= 19_000 && number < 20_000)).toEqual([]);
  });

  it('is the same for ever: these are in the clients of others', () => {
    expect(['prompt', 'steps', 'maxTokens', ''].map(numberOf)).toEqual([
      85_931, 113_772, 250_119, 80_517,
    ]);
  });
});

describe('a model that proto cannot express', () => {
  const pair = ((): [string, string] => {
    const seen = new Map<number, string>();
    for (let index = 0; ; index++) {
      const name = `f${index}`;
      const other = seen.get(numberOf(name));
      if (other !== undefined) return [other, name];
      seen.set(numberOf(name), name);
    }
  })();

  it.each<[string, Parts, RegExp]>([
    [
      'a union',
      { input: z.object({ a: z.object({ b: z.union([z.string(), z.int()]) }) }) },
      /input\.a\.b: .*use one type, an object with an optional field for each case, or z\.json/,
    ],
    ['a tuple', { output: z.object({ at: z.tuple([z.int(), z.int()]) }) }, /output\.at: a tuple/],
    [
      'an event',
      { events: { step: { schema: z.object({ x: z.union([z.string(), z.int()]) }) } } },
      /events\.step\.x/,
    ],
    [
      'two fields with one number',
      { input: z.object({ [pair[0]]: z.int(), [pair[1]]: z.int() }) },
      new RegExp(`"${pair[0]}" and "${pair[1]}" get the same number .*\\.meta\\(\\{ field`),
    ],
    [
      'two types of events whose data have one name',
      {
        events: {
          step1: { schema: z.object({ a: z.int() }) },
          'step-1': { schema: z.object({ a: z.int() }) },
        },
      },
      /events: the data of "step1" and "step-1" are both "Step1"; rename one/,
    ],
    [
      'a map beside a type that is called as its entry',
      { output: z.object({ tags: z.record(z.string(), z.int()), tagsEntry: z.object({}) }) },
      /output\.tags: a second type "TagsEntry"/,
    ],
    [
      'two enums of one message with one constant',
      { output: z.object({ a: z.enum(['b c']), aB: z.enum(['c']) }) },
      /output\.aB: two values are both "A_B_C"/,
    ],
    [
      'an enum whose zero is a value of another',
      { output: z.object({ mode: z.enum(['x unspecified']), modeX: z.enum(['q']) }) },
      /output\.modeX: two values are both "MODE_X_UNSPECIFIED"/,
    ],
    // Nothing of ours looks at it: the file of the model alone is read, and is no proto.
    ['what no check has thought of', { name: 'a.b' }, /not served over gRPC: illegal /],
    [
      'two fields with one default name in JSON',
      { input: z.object({ a_1: z.int(), a1: z.int() }) },
      /"a_1" and "a1" are both "a1"/,
    ],
    ['two fields with one name', { input: z.object({ aB: z.int(), a_b: z.int() }) }, /both "a_b"/],
    [
      'a chosen number that is reserved',
      { input: z.object({ x: z.int().meta({ field: 19_500 }) }) },
      /input: "x" has the number 19500/,
    ],
  ])(
    '%s: is left out with place, reason and fix, and the others are served',
    (_what, parts, reason) => {
      const proto = createProto([manifestOf(parts), manifestOf({ name: 'fine' })]);
      const { name = 'echo' } = parts;

      expect(proto.unserved).toEqual([{ model: name, reason: expect.stringMatching(reason) }]);
      expect(proto.models.map(({ name }) => name)).toEqual(['fine']);
      expect(proto.text).not.toContain('PredictEcho');
    },
  );
});

describe('the service', () => {
  const step = { step: { schema: z.object({ n: z.int() }) } };

  it('streams the models that stream, and runs every one', () => {
    const { text } = createProto([
      manifestOf({ name: 'sketch-xl', events: step }),
      manifestOf({ name: 'classify' }),
    ]);

    expect(text.match(/rpc \w+/g)).toEqual([
      ...['rpc ListModels', 'rpc PredictClassify', 'rpc PredictSketchXl', 'rpc RunSketchXl'],
    ]);
    expect(text).toContain('rpc PredictSketchXl(SketchXlRequest) returns (stream SketchXlEvent);');
  });

  it('is the same whatever the order of the models', () => {
    const models = ['b', 'a', 'c'].map((name) => manifestOf({ name, events: step }));

    expect(createProto(models).text).toBe(createProto([...models].reverse()).text);
  });

  it('names versions, and refuses a second model of one name, naming both', () => {
    const proto = createProto(
      ['sketch', 'sketch@2', 'sketch-v2'].map((name) => manifestOf({ name })),
    );

    expect(proto.models.map(({ title }) => title)).toEqual(['Sketch', 'SketchV2']);
    expect(proto.unserved).toEqual([
      {
        model: 'sketch@2',
        reason: expect.stringContaining('SketchV2, is that of the model "sketch-v2"'),
      },
    ]);
  });

  it('gives events a place behind the envelope, also when a type is called as one of its fields', () => {
    const schema = z.object({ n: z.int() });
    const { text } = createProto([manifestOf({ events: { job: { schema }, data: { schema } } })]);

    expect(fieldsOf(text, 'EchoEvent')).toEqual(
      expect.arrayContaining([
        'string job = 1;',
        `Job job_event = ${numberOf('job')};`,
        `Data data_event = ${numberOf('data')};`,
      ]),
    );
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createManifest,
  createProto,
  defineModel,
  loadRegistry,
  tensor,
  z,
  type Model,
} from '@stepcast/models';

import { buf, findBreaks } from '../support/buf.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const protoOf = (models: readonly Model[]): string => {
  const { text, unserved } = createProto(models.map((model) => createManifest(model)));
  expect(unserved).toEqual([]);
  return text;
};

describe('test/proto/stepcast.proto', () => {
  let models: readonly Model[];
  let snapshot: string;

  beforeAll(async () => {
    models = (await loadRegistry(`${root}/models`)).list();
    snapshot = await readFile(`${root}/test/proto/stepcast.proto`, 'utf8');
  });

  it('is what clients of the models of this repository have: a change must not break them', async () => {
    expect(await findBreaks(snapshot, protoOf(models))).toEqual([]);
  }, 60_000);

  it('is up to date', () => {
    const howToMend = 'the interface has changed in a way that breaks nobody; run: npm run docs\n';

    expect(howToMend + snapshot).toBe(howToMend + protoOf(models));
  });

  it('is a file that buf takes', async () => {
    expect(await buf(['build'], `${root}/test/proto`)).toMatchObject({ code: 0 });
  }, 60_000);
});

const output = z.object({
  image: z.string(),
  why: z.enum(['end', 'length']),
  size: z.object({ w: z.int() }),
});

const input = z.object({
  prompt: z.string(),
  steps: z.int().default(20),
  tags: z.array(z.string()).default([]),
});

const step = z.object({ step: z.int(), preview: z.string() });

interface Parts {
  readonly input?: z.ZodType;
  readonly events?: Record<string, { schema: z.ZodType }>;
  readonly output?: z.ZodType;
  readonly name?: string;
}

function model(parts: Parts = {}): Model {
  const spec = {
    ...{ name: 'drawer', description: 'Draws.', input, output, events: { step: { schema: step } } },
    run: () => ({}),
  };
  return defineModel({ ...spec, ...parts });
}

const before = [model(), model({ name: 'other' })];
const changed = (parts: Parts): Model[] => [model(parts), model({ name: 'other' })];

describe('a change that breaks clients', () => {
  it.each<[string, Model[], RegExp]>([
    ['a field of the input is removed', changed({ input: input.omit({ steps: true }) }), /"steps"/],
    [
      'a field of the output is removed',
      changed({ output: output.omit({ image: true }) }),
      /"image"/,
    ],
    [
      'a field of an event is removed',
      changed({ events: { step: { schema: step.omit({ preview: true }) } } }),
      /"preview"/,
    ],
    [
      'a field is renamed',
      changed({ output: output.omit({ image: true }).extend({ picture: z.string() }) }),
      /"image"/,
    ],
    [
      'a field is renamed, with the number it had',
      changed({
        output: output
          .omit({ image: true })
          .extend({ picture: z.string().meta({ field: 250_354 }) }),
      }),
      /changed name from "image" to "picture"/,
    ],
    [
      'a field gets another number',
      changed({ output: output.extend({ image: z.string().meta({ field: 1 }) }) }),
      /"image"/,
    ],
    [
      'the type of a field changes',
      changed({ input: input.extend({ steps: z.string() }) }),
      /changed type from "int64" to "string"/,
    ],
    [
      'a number gets bounds that make it another type',
      changed({ input: input.extend({ steps: z.int32() }) }),
      /changed type from "int64" to "int32"/,
    ],
    [
      'one value becomes a list',
      changed({ output: output.extend({ image: z.array(z.string()) }) }),
      /changed cardinality/,
    ],
    [
      'a field of the output may be missing',
      changed({ output: output.partial({ image: true }) }),
      /changed cardinality/,
    ],
    [
      'a value of an enum is removed',
      changed({ output: output.extend({ why: z.enum(['end']) }) }),
      /WHY_LENGTH|229741/,
    ],
    [
      'an enum becomes a string',
      changed({ output: output.extend({ why: z.string() }) }),
      /changed type from "enum" to "string"|"Why"/,
    ],
    [
      'a nested field is removed',
      changed({ output: output.extend({ size: z.object({}) }) }),
      /"w"/,
    ],
    [
      'a type of event is removed',
      changed({ events: { other: { schema: step } } }),
      /"step"|"Step"/,
    ],
    ['a model no longer streams', changed({ events: {} }), /server streaming|DrawerEvent/],
    ['a model is removed', [model({ name: 'other' })], /PredictDrawer/],
    ['a model is renamed', changed({ name: 'painter' }), /PredictDrawer/],
    [
      'a field that was optional is required',
      changed({ input: input.extend({ steps: z.int() }) }),
      /DrawerRequest\.steps is required now/,
    ],
    [
      'a new field is required',
      changed({ input: input.extend({ size: z.int() }) }),
      /DrawerRequest\.size is required now/,
    ],
  ])(
    'is found: %s',
    async (_what, after, expected) => {
      expect((await findBreaks(protoOf(before), protoOf(after))).join('\n')).toMatch(expected);
    },
    60_000,
  );
});

describe('a change that breaks nobody', () => {
  it.each<[string, Model[]]>([
    [
      'fields change places',
      changed({ input: z.object({ ...pick(['tags', 'steps', 'prompt']) }) }),
    ],
    [
      'there are new fields, events, values and models',
      [
        ...changed({
          input: input.extend({ seed: z.int().optional() }),
          events: { step: { schema: step.extend({ ms: z.number() }) }, log2: { schema: step } },
          output: output.extend({ why: z.enum(['end', 'length', 'stop']) }),
        }),
        model({ name: 'third' }),
      ],
    ],
    ['a required field is so no longer', changed({ input: input.partial() })],
    [
      'a default, a text or a narrower bound',
      changed({ input: input.extend({ steps: z.int().max(9).default(3).describe('How many') }) }),
    ],
  ])(
    'is let through: %s',
    async (_what, after) => {
      expect(await findBreaks(protoOf(before), protoOf(after))).toEqual([]);
    },
    60_000,
  );
});

function pick(keys: readonly (keyof typeof input.shape)[]): Record<string, z.ZodType> {
  return Object.fromEntries(keys.map((key) => [key, input.shape[key]]));
}

const int = z.object({ a: z.int() });
const tree = z.object({
  get kids() {
    return z.record(z.string(), tree);
  },
});
const mood = z.object({ q: z.enum(['x']) }).meta({ id: 'S' });
const of = (shape: z.ZodRawShape): Parts => ({ output: z.object(shape) });
const events = (names: readonly string[]): Parts => ({
  events: Object.fromEntries(names.map((name) => [name, { schema: int }])),
});
const record = (value: z.ZodType): z.ZodType => z.record(z.string(), value);

/** Schemas that are likely to print as what is no proto, and whether the model is served. */
const odd: readonly (readonly [string, Parts, boolean])[] = [
  ['a map of lists', of({ tags: record(z.array(z.string())) }), true],
  ['a map of maps of maps', of({ tags: record(record(record(z.int()))) }), true],
  ['a map of lists of maps', of({ tags: record(z.array(record(z.int()))) }), true],
  ['a map of lists in a request', { input: z.object({ tags: record(z.array(z.int())) }) }, true],
  ['a map beside its entry', of({ tags: record(z.int()), tagsEntry: int }), false],
  ['a map beside its wrapper', of({ tags: record(z.array(z.int())), tagsItems: int }), false],
  ['two maps with one entry', of({ tags_2: record(z.int()), tags2: record(z.int()) }), false],
  ['a map with a digit', of({ tags_2: record(z.int()) }), true],
  ['fields that differ in an underscore', of({ a_1: z.int(), a1: z.int() }), false],
  ['a list of lists of lists', of({ x: z.array(z.array(z.array(z.number()))) }), true],
  ['a list of lists of enums', of({ x: z.array(z.array(z.enum(['a', 'b']))) }), true],
  ['an enum with a digit', of({ '2d': z.enum(['a', '3d', '-']) }), true],
  ['an enum of another script', of({ 名: z.enum(['a', 'b']) }), true],
  ['values of another script', of({ lang: z.enum(['日本', '中文']) }), false],
  ['enums with one constant', of({ a: z.enum(['b c']), aB: z.enum(['c']) }), false],
  ['a zero of another enum', of({ m: z.enum(['x unspecified']), mX: z.enum(['q']) }), false],
  ['the same enum twice', of({ a: mood, b: mood, c: z.array(mood) }), true],
  ['words of JavaScript', of({ constructor: z.string(), toString: z.int() }), true],
  [
    'quotes and line ends in names',
    of({ 'a"b\\c': z.int(), '[x]': z.int(), 'a\nb2': z.int() }),
    true,
  ],
  ['quotes and line ends in texts', of({ x: z.string().describe('a\rb\u2028c */ "\\\n//') }), true],
  [
    'words of the language',
    of({
      ...{ message: z.string(), option: z.string(), optional: z.int().optional(), oneof: z.int() },
      ...{ repeated: z.array(z.string()), map: record(z.string()), reserved: z.string() },
      ...{ string: z.string(), import: z.string(), package: z.string(), rpc: z.string() },
      ...{ group: int, enum: z.enum(['enum', 'true', 'inf']), stream: z.boolean() },
      ...{ google: z.object({ a: z.unknown() }), stepcast: z.object({ t: tensor('int8', [1]) }) },
    }),
    true,
  ],
  ['names of shared messages', of({ tensor: int, snapshot: z.object({ log: int }) }), true],
  ['events with one name', events(['step1', 'step-1']), false],
  ['events called as shared messages', events(['tensor', 'tensor-event']), false],
  ['events called as the envelope', events(['job', 'data', 'seq', 'data-2']), true],
  ['an event that is a text', { events: { word: { schema: z.string() } } }, true],
  ['a recursive map', { output: tree }, true],
  ['a null for an object', { output: z.object({ x: int.nullable() }).nullable() }, true],
];

describe('what is printed of an odd schema', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'stepcast-odd-'));
    await writeFile(path.join(folder, 'buf.yaml'), 'version: v2\n');
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(odd)(
    'is a file that buf takes: %s',
    async (_what, parts, isServed) => {
      const { text, unserved } = createProto([createManifest(model(parts))]);
      await writeFile(path.join(folder, 'stepcast.proto'), text);

      expect(await buf(['build'], folder)).toMatchObject({ code: 0, stderr: '' });
      expect(unserved.map(({ reason }) => reason)).toHaveLength(isServed ? 0 : 1);
    },
    60_000,
  );
});

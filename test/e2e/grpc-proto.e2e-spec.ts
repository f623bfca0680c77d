import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  createManifest,
  createProto,
  defineModel,
  loadRegistry,
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

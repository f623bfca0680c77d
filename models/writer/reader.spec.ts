/** @jest-environment ./libs/models/testing/ort-environment.mjs */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { InferenceSession } from 'onnxruntime-node';

import { configSchema, Reader, type ReadText, type WriterConfig } from './reader.js';

const TOLERANCE = 1e-4;
const LENGTHS = [5, 40, 1, 17];
const TURNS = 12;

let session: InferenceSession;
let config: WriterConfig;

beforeAll(async () => {
  const folder = import.meta.dirname;
  session = await InferenceSession.create(path.join(folder, 'model.onnx'), { logSeverityLevel: 3 });
  config = configSchema.parse(JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8')));
});

afterAll(() => session.release());

/** The tokens of a text: any will do, as long as texts differ. */
const tokenAt = (text: number, place: number): number => (text * 131 + place * 37) % 796;

const tokensOf = (text: number, length: number): number[] =>
  Array.from({ length }, (_, place) => tokenAt(text, place));

/** The logits after each token of a text, read all at once by a reader of its own. */
async function expectedOf(text: number): Promise<Float32Array[]> {
  const reader = new Reader(session, config);
  return reader.readAlone(reader.begin(), tokensOf(text, LENGTHS[text]! + TURNS));
}

function distance(one: Float32Array, other: Float32Array): number {
  return one.reduce((most, value, index) => Math.max(most, Math.abs(value - other[index]!)), 0);
}

/** Texts whose beginnings were read, each by itself. */
async function begin(reader: Reader): Promise<ReadText[]> {
  const texts = LENGTHS.map(() => reader.begin());
  for (const [index, text] of texts.entries()) {
    await reader.readAlone(text, tokensOf(index, LENGTHS[index]!));
  }
  return texts;
}

describe('Reader', () => {
  it.each([
    ['the same ones', () => [0, 1, 2, 3]],
    [
      'one after another joining',
      (turn: number) => [0, 1, 2, 3].slice(0, 1 + Math.floor(turn / 2)),
    ],
    [
      'one after another leaving for a while',
      (turn: number) => [0, 1, 2, 3].filter((i) => turn % 4 !== i),
    ],
    ['in another order', (turn: number) => (turn % 3 === 0 ? [3, 1, 0, 2] : [0, 1, 2, 3])],
    ['the longest and the shortest apart', (turn: number) => (turn % 2 === 0 ? [1] : [0, 2, 3])],
  ])('gives logits as if each text were read alone: %s', async (_, chosen) => {
    const reader = new Reader(session, config);
    const texts = await begin(reader);
    const expected = await Promise.all(texts.map((_text, index) => expectedOf(index)));

    let worst = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      const indices = chosen(turn);
      const reading = indices.map((index) => texts[index]!);
      const tokens = indices.map((index) => tokenAt(index, texts[index]!.length));
      const logits = await reader.readTogether(reading, tokens);
      indices.forEach((index, row) => {
        worst = Math.max(
          worst,
          distance(logits[row]!, expected[index]![texts[index]!.length - 1]!),
        );
      });
    }

    expect(worst).toBeLessThan(TOLERANCE);
  });

  it('reads on alone what was read together', async () => {
    const reader = new Reader(session, config);
    const texts = await begin(reader);
    await reader.readTogether(
      texts,
      texts.map(({ length }, index) => tokenAt(index, length)),
    );

    const [first, second] = [texts[0]!, texts[3]!];
    const logits = await reader.readAlone(first, [tokenAt(0, first.length)]);
    const [other] = await reader.readTogether([second], [tokenAt(3, second.length)]);

    expect(distance(logits[0]!, (await expectedOf(0))[first.length - 1]!)).toBeLessThan(TOLERANCE);
    expect(distance(other!, (await expectedOf(3))[second.length - 1]!)).toBeLessThan(TOLERANCE);
  });

  it('keeps no more memory than a whole context for each text of the largest batch', async () => {
    const reader = new Reader(session, config);
    const texts = await begin(reader);
    for (let turn = 0; turn < TURNS; turn++) await reader.readTogether(texts, [1, 2, 3, 4]);

    const { heads, headSize, context } = config;
    const parts = texts[0]!.block.parts;
    expect(new Set(texts.map(({ block }) => block)).size).toBe(1);
    expect(parts[0]!.length).toBeLessThanOrEqual(texts.length * heads * headSize * context);
    expect(texts[0]!.block.places).toBe(64);
  });

  it('reads nothing for nobody', async () => {
    expect(await new Reader(session, config).readTogether([], [])).toEqual([]);
  });
});

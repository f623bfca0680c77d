import { Tensor, z, type InferenceSession } from '@stepcast/models';

import { CacheBlock } from './cache-block.js';

/** `config.json`: the measures of the network that the graph needs to be called. */
export const configSchema = z.object({
  layers: z.int().positive(),
  heads: z.int().positive(),
  headSize: z.int().positive(),
  /** Tokens that fit into one context, those of the prompt included. */
  context: z.int().positive(),
  /** Id of the token that begins every text and ends it. */
  endToken: z.int().nonnegative(),
});

export type WriterConfig = z.infer<typeof configSchema>;

/** What the network has read of one text. A {@link Reader} moves its cache from block to block. */
export interface ReadText {
  /** In tokens. */
  length: number;
  block: CacheBlock;
  row: number;
}

/** Blocks grow by so many places: seldom enough to cost nothing, and few that are looked at in vain. */
const GROWTH = 64;

/**
 * Runs the network over texts and keeps their key/value caches, so that each call costs only the new tokens.
 * The network looks at the cache where it lies and gives back only what is new: nothing else is copied in a step.
 *
 * - C1 While the same texts are read, their block stays. A new one is made when a text joins or leaves, and
 *   when the longest has filled it.
 * - C2 A text that is left out keeps what was read of it, until it is forgotten.
 * - C3 How many places a block has follows from the longest text alone, so that a text that is read again in
 *   the same way gives the same numbers. It is never more than a context, and less than {@link GROWTH}.
 */
export class Reader {
  /** Those in the shared block, in the order of its rows. */
  #members: readonly ReadText[] = [];

  constructor(
    private readonly session: InferenceSession,
    private readonly config: WriterConfig,
  ) {}

  /** A text of which nothing has been read. */
  begin(): ReadText {
    return { length: 0, block: new CacheBlock(this.config, 1, 0), row: 0 };
  }

  /** Nothing more will be read of a text: its place in the shared block is free. */
  forget(text: ReadText): void {
    this.#members = this.#members.map((member) => (member === text ? this.begin() : member));
  }

  /** Reads further tokens of a text by itself. Returns the logits after each: [tokens] of [vocabulary]. */
  async readAlone(text: ReadText, tokens: readonly number[]): Promise<Float32Array[]> {
    this.#takeOut([text]);
    return this.#read([text], tokens);
  }

  /**
   * Reads one further token of each text, all in one run. Returns the logits after each: [texts] of
   * [vocabulary].
   */
  async readTogether(
    texts: readonly ReadText[],
    tokens: readonly number[],
  ): Promise<Float32Array[]> {
    if (texts.length === 0) return [];
    const isSame = texts.every((text, row) => text === this.#members[row]);
    if (!isSame || texts.length !== this.#members.length) {
      this.#takeOut(this.#members.filter((member) => !texts.includes(member)));
      this.#gather(texts, longest(texts));
      this.#members = [...texts];
    }
    return this.#read(texts, tokens);
  }

  /** Reads as many further tokens of each of the texts, which are the rows of one block. */
  async #read(texts: readonly ReadText[], tokens: readonly number[]): Promise<Float32Array[]> {
    const count = tokens.length / texts.length;
    const output = await this.session.run(this.#feeds(texts, tokens));
    const parts = CacheBlock.names(this.config, 'new').map((name) => floats(output[name]));
    const needed = longest(texts) + count;
    if (needed > (texts[0]?.block.places ?? 0)) this.#gather(texts, needed);
    texts.forEach((text, row) => {
      text.block.append(row, text.length, { parts, row, count });
      text.length += count;
    });
    return rows(output['logits'], tokens.length);
  }

  #feeds(texts: readonly ReadText[], tokens: readonly number[]): Record<string, Tensor> {
    const count = tokens.length / texts.length;
    const { block } = texts[0] ?? this.begin();
    const width = block.places + count;
    const mask = new BigInt64Array(texts.length * width).fill(1n);
    texts.forEach(({ length }, row) => {
      mask.fill(0n, row * width + length, row * width + block.places);
    });
    const positions = tokens.map((_, index) => {
      return (texts[Math.floor(index / count)]?.length ?? 0) + (index % count);
    });
    return {
      ...block.toTensors('past_key_values'),
      input_ids: integers(tokens, [texts.length, count]),
      attention_mask: new Tensor('int64', mask, [texts.length, width]),
      position_ids: integers(positions, [texts.length, count]),
    };
  }

  /** Puts texts into a new block, each into a row, with room for so many tokens (C3). */
  #gather(texts: readonly ReadText[], tokens: number): void {
    const places = Math.ceil(tokens / GROWTH) * GROWTH;
    const block = new CacheBlock(this.config, texts.length, places);
    texts.forEach((text, row) => {
      block.setRow(row, text.block, text.row, text.length);
    });
    texts.forEach((text, row) => {
      Object.assign(text, { block, row });
    });
  }

  /** C2: gives texts that leave the shared block one of their own. */
  #takeOut(texts: readonly ReadText[]): void {
    for (const text of texts.filter((member) => this.#members.includes(member))) {
      this.forget(text);
      this.#gather([text], text.length);
    }
  }
}

function longest(texts: readonly ReadText[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}

function integers(values: readonly number[], dims: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
}

function rows(logits: Tensor | undefined, count: number): Float32Array[] {
  const data = floats(logits);
  const width = data.length / count;
  return Array.from({ length: count }, (_, row) => data.subarray(row * width, (row + 1) * width));
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new TypeError(`writer needs float32 outputs, the graph gave ${tensor?.type ?? 'none'}`);
}

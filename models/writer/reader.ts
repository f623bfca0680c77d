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

/**
 * Runs the network over texts and keeps their key/value caches, so that each call costs only the new tokens.
 * One call at a time: texts that are read together share a cache, which every call writes anew.
 *
 * - C1 While the same texts are read, the cache of one run goes into the next as it is. It is copied when a
 *   text joins or leaves, and then no wider than the longest text needs.
 * - C2 A text that is left out keeps what was read of it, until it is forgotten.
 * - C3 The shared cache lies in two memories, one read and one written; they grow to at most a whole
 *   context for each text.
 */
export class Reader {
  /** Those in the shared cache, in the order of its rows. */
  #members: readonly ReadText[] = [];
  #current: Float32Array[];
  #spare: Float32Array[];

  constructor(
    private readonly session: InferenceSession,
    private readonly config: WriterConfig,
  ) {
    this.#current = CacheBlock.memory(config, 0);
    this.#spare = CacheBlock.memory(config, 0);
  }

  /** A text of which nothing has been read. */
  begin(): ReadText {
    return { length: 0, block: CacheBlock.empty(this.config), row: 0 };
  }

  /** Nothing more will be read of a text: its place in the shared cache is free. */
  forget(text: ReadText): void {
    this.#members = this.#members.map((member) => (member === text ? this.begin() : member));
  }

  /** Reads further tokens of a text by itself. Returns the logits after each: [tokens] of [vocabulary]. */
  async readAlone(text: ReadText, tokens: readonly number[]): Promise<Float32Array[]> {
    this.#takeOut([text]);
    const output = await this.session.run(this.#feeds([text], tokens));
    const width = text.length + tokens.length;
    const parts = CacheBlock.names(this.config, 'present').map((name) => floats(output[name]));
    text.block = new CacheBlock(this.config, parts, 1, width);
    text.length = width;
    return rows(output['logits'], tokens.length);
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
    if (!isSame || texts.length !== this.#members.length) this.#gather(texts);
    const width = (texts[0]?.block.width ?? 0) + 1;
    const written = this.#blockInSpare(texts.length, width);
    const output = await this.session.run(this.#feeds(texts, tokens), {
      logits: null,
      ...written.toTensors('present'),
    });
    this.#swap();
    texts.forEach((text, row) => {
      Object.assign(text, { length: text.length + 1, block: written, row });
    });
    return rows(output['logits'], texts.length);
  }

  #feeds(texts: readonly ReadText[], tokens: readonly number[]): Record<string, Tensor> {
    const count = tokens.length / texts.length;
    const { block } = texts[0] ?? this.begin();
    const width = block.width + count;
    const mask = new BigInt64Array(texts.length * width).fill(1n);
    texts.forEach(({ length }, row) => {
      mask.fill(0n, row * width, row * width + block.width - length);
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

  /** Makes the shared cache anew, for these texts. */
  #gather(texts: readonly ReadText[]): void {
    const left = this.#members.filter((member) => !texts.includes(member));
    this.#takeOut(left);
    const width = Math.max(0, ...texts.map(({ length }) => length));
    const block = this.#blockInSpare(texts.length, width);
    texts.forEach((text, row) => {
      block.setRow(row, text.block, text.row, text.length);
    });
    texts.forEach((text, row) => {
      Object.assign(text, { block, row });
    });
    this.#swap();
    this.#members = [...texts];
  }

  /** C2: gives texts that leave the shared cache one of their own. */
  #takeOut(texts: readonly ReadText[]): void {
    for (const text of texts.filter((member) => this.#members.includes(member))) {
      const { length } = text;
      const parts = CacheBlock.memory(this.config, CacheBlock.size(this.config, 1, length));
      const block = new CacheBlock(this.config, parts, 1, length);
      block.setRow(0, text.block, text.row, length);
      this.forget(text);
      Object.assign(text, { block, row: 0 });
    }
  }

  /** C3. Asks for half as much again, so that a cache that grows by each step is seldom moved. */
  #blockInSpare(rowCount: number, width: number): CacheBlock {
    const size = CacheBlock.size(this.config, rowCount, width);
    if ((this.#spare[0]?.length ?? 0) < size) {
      const most = CacheBlock.size(this.config, rowCount, this.config.context);
      const floats = Math.max(size, Math.min(Math.ceil(size * 1.5), most));
      this.#spare = CacheBlock.memory(this.config, floats);
    }
    return new CacheBlock(this.config, this.#spare, rowCount, width);
  }

  #swap(): void {
    [this.#current, this.#spare] = [this.#spare, this.#current];
  }
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

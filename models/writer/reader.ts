import { Tensor, z, type InferenceSession } from '@stepcast/models';

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

type Feeds = Record<string, Tensor>;

/**
 * Runs the network over one text, call by call, and keeps its key/value cache. Each call costs only
 * the new tokens.
 */
export class Reader {
  private cache: Feeds;
  private read = 0;

  constructor(
    private readonly session: InferenceSession,
    private readonly config: WriterConfig,
  ) {
    this.cache = emptyCache(config);
  }

  /** Reads further tokens. Returns the logits after the last of them: [vocabulary]. */
  async next(tokens: readonly number[]): Promise<Float32Array> {
    return (await this.all(tokens)).at(-1) ?? new Float32Array();
  }

  /** Reads further tokens. Returns the logits after each of them: [tokens.length] of [vocabulary]. */
  async all(tokens: readonly number[]): Promise<Float32Array[]> {
    const positions = tokens.map((_, index) => this.read + index);
    this.read += tokens.length;
    const output = await this.session.run({
      ...this.cache,
      input_ids: integers(tokens),
      attention_mask: integers(new Array<number>(this.read).fill(1)),
      position_ids: integers(positions),
    });
    this.cache = cacheOf(output, this.config.layers);
    return rows(output['logits'], tokens.length);
  }
}

function emptyCache({ layers, heads, headSize }: WriterConfig): Feeds {
  const empty = new Tensor('float32', new Float32Array(0), [1, heads, 0, headSize]);
  const names = Array.from({ length: layers }, (_, layer) => `past_key_values.${layer}`);
  return Object.fromEntries(
    names.flatMap((name) => [
      [`${name}.key`, empty],
      [`${name}.value`, empty],
    ]),
  );
}

function cacheOf(output: InferenceSession.OnnxValueMapType, layers: number): Feeds {
  const cache: Feeds = {};
  for (let layer = 0; layer < layers; layer++) {
    for (const kind of ['key', 'value']) {
      const present = output[`present.${layer}.${kind}`];
      if (present === undefined) throw new TypeError(`the graph has no present.${layer}.${kind}`);
      cache[`past_key_values.${layer}.${kind}`] = present;
    }
  }
  return cache;
}

function integers(values: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
}

function rows(logits: Tensor | undefined, count: number): Float32Array[] {
  const data = logits?.data;
  if (!(data instanceof Float32Array)) throw new TypeError('the graph gave no float32 logits');
  const width = data.length / count;
  return Array.from({ length: count }, (_, row) => data.subarray(row * width, (row + 1) * width));
}

import { Tensor } from '@stepcast/models';

/** The measures of a key/value cache. */
export interface CacheShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
}

/**
 * The keys and values of several texts, one text in each row. Rows are as wide as the longest text; a shorter
 * one stands at the right end of its row, behind a padding of zeros.
 */
export class CacheBlock {
  /**
   * @param parts - keys of the first layer, its values, keys of the second … : each at least
   *   [rows, heads, width, headSize], and read and written in place
   */
  constructor(
    private readonly shape: CacheShape,
    readonly parts: readonly Float32Array[],
    readonly rows: number,
    readonly width: number,
  ) {}

  /** Room for one text of which nothing has been read. */
  static empty(shape: CacheShape): CacheBlock {
    return new CacheBlock(shape, CacheBlock.memory(shape, 0), 1, 0);
  }

  static memory({ layers }: CacheShape, floats: number): Float32Array[] {
    return Array.from({ length: 2 * layers }, () => new Float32Array(floats));
  }

  /** How many numbers a part has. */
  static size({ heads, headSize }: CacheShape, rows: number, width: number): number {
    return rows * heads * width * headSize;
  }

  /** What the graph calls the parts, in their order: `<name>.0.key`, `<name>.0.value`, `<name>.1.key` … */
  static names({ layers }: CacheShape, name: string): string[] {
    const numbers = Array.from({ length: layers }, (_, layer) => layer);
    return numbers.flatMap((layer) => [`${name}.${layer}.key`, `${name}.${layer}.value`]);
  }

  /** Views for the graph, without a copy. */
  toTensors(name: string): Record<string, Tensor> {
    const { shape, parts, rows, width } = this;
    const size = CacheBlock.size(shape, rows, width);
    const dims = [rows, shape.heads, width, shape.headSize];
    return Object.fromEntries(
      CacheBlock.names(shape, name).map((part, index) => {
        return [part, new Tensor('float32', parts[index]?.subarray(0, size) ?? [], dims)];
      }),
    );
  }

  /** Puts a text of another block into a row: its last `length` places. */
  setRow(row: number, from: CacheBlock, fromRow: number, length: number): void {
    const { heads, headSize } = this.shape;
    this.parts.forEach((part, index) => {
      const source = from.parts[index] ?? new Float32Array();
      for (let head = 0; head < heads; head++) {
        const end = (row * heads + head + 1) * this.width * headSize;
        const start = end - length * headSize;
        const sourceEnd = (fromRow * heads + head + 1) * from.width * headSize;
        part.fill(0, end - this.width * headSize, start);
        part.set(source.subarray(sourceEnd - length * headSize, sourceEnd), start);
      }
    });
  }
}

import { Tensor } from '@stepcast/models';

/** The measures of a key/value cache. */
export interface CacheShape {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
}

/**
 * The keys and values of several texts, one text in each row, from its first token on. Places behind a text
 * hold nothing that counts: the network is told not to look there.
 */
export class CacheBlock {
  /** Keys of the first layer, its values, keys of the second …: each [rows, heads, places, headSize]. */
  readonly parts: readonly Float32Array[];

  constructor(
    private readonly shape: CacheShape,
    readonly rows: number,
    readonly places: number,
  ) {
    const { layers, heads, headSize } = shape;
    const size = rows * heads * places * headSize;
    this.parts = Array.from({ length: 2 * layers }, () => new Float32Array(size));
  }

  /** What the graph calls the parts, in their order: `<name>.0.key`, `<name>.0.value`, `<name>.1.key` … */
  static names({ layers }: CacheShape, name: string): string[] {
    const numbers = Array.from({ length: layers }, (_, layer) => layer);
    return numbers.flatMap((layer) => [`${name}.${layer}.key`, `${name}.${layer}.value`]);
  }

  /** Views for the graph, without a copy. */
  toTensors(name: string): Record<string, Tensor> {
    const { shape, rows, places } = this;
    const dims = [rows, shape.heads, places, shape.headSize];
    return Object.fromEntries(
      CacheBlock.names(shape, name).map((part, index) => {
        return [part, new Tensor('float32', this.parts[index] ?? new Float32Array(), dims)];
      }),
    );
  }

  /** Copies the first `length` places of a text into a row. */
  setRow(row: number, from: CacheBlock, fromRow: number, length: number): void {
    const { parts, places } = from;
    this.#copy({ row, place: 0 }, { parts, places, row: fromRow, count: length });
  }

  /** Puts what the network gave for `count` further tokens behind the first `length` of a row. */
  append(row: number, length: number, columns: Omit<Source, 'places'>): void {
    this.#copy({ row, place: length }, { ...columns, places: columns.count });
  }

  #copy(to: { row: number; place: number }, from: Source): void {
    const { heads, headSize } = this.shape;
    this.parts.forEach((part, index) => {
      const source = from.parts[index] ?? new Float32Array();
      for (let head = 0; head < heads; head++) {
        const start = (from.row * heads + head) * from.places * headSize;
        const target = ((to.row * heads + head) * this.places + to.place) * headSize;
        part.set(source.subarray(start, start + from.count * headSize), target);
      }
    });
  }
}

interface Source {
  readonly parts: readonly Float32Array[];
  readonly places: number;
  readonly row: number;
  readonly count: number;
}

import { UnservableSchema } from './unservable-schema.js';

/** 1 to 15 are left to authors, who choose them by `.meta({ field: 7 })`. */
const MIN = 16;

/** The last number whose tag takes three bytes. */
const MAX = 262_143;

/** Reserved by the language. */
const RESERVED = { from: 19_000, count: 1_000 } as const;

/** The largest number that the language knows. */
const LIMIT = 536_870_911;

/**
 * The number of a field or enum value, made from its name: the same in every process and after every change
 * of the other fields (docs/adr/0014-field-numbers.md). FNV-1a of the UTF-8 bytes.
 */
export function numberOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  const number = MIN + (hash % (MAX - MIN + 1 - RESERVED.count));
  return number < RESERVED.from ? number : number + RESERVED.count;
}

/** A name that needs a number, with the one that its author has chosen, if any. */
export interface Numbered {
  readonly key: string;
  readonly chosen: unknown;
}

/**
 * The numbers of all names of one message or enum.
 * @param how what an author writes to choose a number, for the error
 * @throws {UnservableSchema} when two get the same number, or one was chosen that the language refuses
 */
export function assignNumbers(
  path: string,
  items: readonly Numbered[],
  how: string,
): Map<string, number> {
  const keys = new Map<number, string>();
  const numbers = new Map<string, number>();
  for (const { key, chosen } of items) {
    const number = chosen === undefined ? numberOf(key) : checkChosen(path, key, chosen);
    const other = keys.get(number);
    if (other !== undefined) {
      throw new UnservableSchema(
        path,
        `"${other}" and "${key}" get the same number ${number}; choose one yourself: ${how}`,
      );
    }
    keys.set(number, key);
    numbers.set(key, number);
  }
  return numbers;
}

function checkChosen(path: string, key: string, chosen: unknown): number {
  const isReserved = (number: number): boolean =>
    number >= RESERVED.from && number < RESERVED.from + RESERVED.count;
  if (
    typeof chosen !== 'number' ||
    !Number.isInteger(chosen) ||
    chosen < 1 ||
    chosen > LIMIT ||
    isReserved(chosen)
  ) {
    throw new UnservableSchema(
      path,
      `"${key}" has the number ${String(chosen)}; it must be an integer from 1 to ${LIMIT}, but not from 19000 to 19999`,
    );
  }
  return chosen;
}

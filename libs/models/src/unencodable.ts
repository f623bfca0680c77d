/**
 * Why `JSON.stringify` refuses a value, with the place and the fix. The text of its own error is not
 * read: it differs between engines.
 */
export function describeUnencodable(value: unknown): string {
  const found = search(value, [], new Set());
  if (found === undefined)
    return 'cannot be encoded as JSON; emit plain objects, numbers and strings.';
  const place = found.path.length === 0 ? '' : ` at ${found.path.join('.')}`;
  return found.kind === 'bigint'
    ? `holds a BigInt${place}, which is not JSON; convert it with Number() or String().`
    : `refers to itself${place}, which JSON cannot; emit a copy without the cycle.`;
}

interface Found {
  readonly kind: 'bigint' | 'cycle';
  readonly path: readonly string[];
}

/** Deep enough for what people write; a cycle is found long before. */
const MAX_DEPTH = 200;

function search(value: unknown, path: readonly string[], above: Set<object>): Found | undefined {
  if (typeof value === 'bigint') return { kind: 'bigint', path };
  if (typeof value !== 'object' || value === null || path.length > MAX_DEPTH) return undefined;
  if (above.has(value)) return { kind: 'cycle', path };
  above.add(value);
  for (const [key, item] of Object.entries(value)) {
    const found = search(item, [...path, key], above);
    if (found !== undefined) return found;
  }
  above.delete(value);
  return undefined;
}

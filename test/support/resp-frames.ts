// Cuts a stream of Redis' answers into whole ones, so that a proxy can drop or delay exactly one.

/** Where the answer that begins at `start` ends; undefined when it has not arrived whole. */
function endOf(bytes: Buffer, start: number): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd === -1) return undefined;
  const count = Number(bytes.toString('latin1', start + 1, lineEnd));
  const kind = String.fromCharCode(bytes[start] ?? 0);
  if (kind === '$') {
    const end = lineEnd + 2 + (count < 0 ? 0 : count + 2);
    return end <= bytes.length ? end : undefined;
  }
  let end: number | undefined = lineEnd + 2;
  // Arrays, and RESP3's pushes, sets and maps, are as many answers as their head says.
  const items = kind === '%' ? count * 2 : '*>~'.includes(kind) ? count : 0;
  for (let i = 0; i < items && end !== undefined; i++) end = endOf(bytes, end);
  return end;
}

/** The whole answers in `bytes`, and what is left of the last. */
export function splitFrames(bytes: Buffer): { readonly frames: Buffer[]; readonly rest: Buffer } {
  const frames: Buffer[] = [];
  let start = 0;
  for (;;) {
    const end = start < bytes.length ? endOf(bytes, start) : undefined;
    if (end === undefined) return { frames, rest: bytes.subarray(start) };
    frames.push(bytes.subarray(start, end));
    start = end;
  }
}

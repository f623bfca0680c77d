import { Buffer } from 'node:buffer';

const DATA_URL = /^data:([^,;]*)(?:;[^,;]*)*?(;base64)?,/;
/** Base64 in bulk, as tensors carry it; a text that people read has spaces. */
const BULK = /^[A-Za-z0-9+/]{200,}={0,2}$/;

/** What a data URL holds; undefined for any other text, and when a per cent sign in it says nothing. */
export function decodeDataUrl(text: string): Buffer | undefined {
  const head = DATA_URL.exec(text);
  if (head === null) return undefined;
  const body = text.slice(head[0].length);
  if (head[2] !== undefined) return Buffer.from(body, 'base64');
  try {
    return Buffer.from(decodeURIComponent(body));
  } catch {
    return undefined;
  }
}

/** The first data URL in a value, in the order of its JSON. */
export function findDataUrl(value: unknown): string | undefined {
  if (typeof value === 'string') return DATA_URL.test(value) ? value : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const part of Object.values(value)) {
    const found = findDataUrl(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** JSON for people: pictures and tensors are named by their size. */
export function shortJson(value: unknown, indent?: number): string {
  const shorten = (_key: string, part: unknown): unknown =>
    typeof part === 'string' ? shortText(part) : part;
  return JSON.stringify(value ?? null, shorten, indent);
}

function shortText(text: string): string {
  const head = DATA_URL.exec(text)?.[0] ?? (BULK.test(text) ? '' : undefined);
  if (head === undefined || text.length < 100) return text;
  return `${head}… (${formatBytes(Buffer.byteLength(text, 'base64'))})`;
}

export function formatBytes(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
}

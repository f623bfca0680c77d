import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import type { ModelManifest } from '@stepcast/models';
import { CliError } from '../cli-error.js';
import type { Edge } from '../edge.js';

const PICTURES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
};

export interface InputOptions {
  /** JSON, `@file` or `-` for stdin. */
  readonly input?: string | undefined;
  /** `key=value`, each a top-level field; wins over {@link input}. */
  readonly field: readonly string[];
}

type Known = Pick<ModelManifest, 'name' | 'input' | 'examples'>;

/** The input that the options describe; the hub checks it against the schema. */
export async function readInput(
  { input, field }: InputOptions,
  model: Known,
  edge: Pick<Edge, 'cwd' | 'stdin'>,
): Promise<unknown> {
  const whole = input === undefined ? {} : parse(await readSource(input, edge), model);
  if (field.length === 0) return whole;
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) {
    throw new CliError('--field needs an --input that is an object, or none.');
  }
  const fields = await Promise.all(field.map((text) => readField(text, model, edge.cwd)));
  return { ...whole, ...Object.fromEntries(fields) };
}

function readSource(source: string, { cwd, stdin }: Pick<Edge, 'cwd' | 'stdin'>): Promise<string> {
  if (source === '-') return readText(stdin);
  if (source.startsWith('@')) return readUtf8(cwd, source.slice(1));
  return Promise.resolve(source);
}

function parse(text: string, { name, examples }: Known): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const example = JSON.stringify(examples[0] ?? {});
    throw new CliError(
      `--input is not JSON (${(cause as Error).message}). Write for instance: stepcast run ${name} --input '${example}'`,
      { cause },
    );
  }
}

/** `key=text` where the schema wants a text, else JSON; `key=@picture.png` is a data URL, `key=@file` its text. */
async function readField(field: string, model: Known, cwd: string): Promise<[string, unknown]> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(field) ?? [];
  if (key === undefined || value === undefined) {
    throw new CliError(`--field "${field}" is not key=value; write for instance --field steps=20`);
  }
  if (value.startsWith('@')) return [key, await readFileValue(cwd, value.slice(1))];
  return [key, isText(model, key) ? value : jsonOrText(value)];
}

async function readFileValue(cwd: string, file: string): Promise<string> {
  const type = PICTURES[path.extname(file).toLowerCase()];
  if (type === undefined) return readUtf8(cwd, file);
  return `data:${type};base64,${(await readBytes(cwd, file)).toString('base64')}`;
}

async function readUtf8(cwd: string, file: string): Promise<string> {
  return (await readBytes(cwd, file)).toString('utf8');
}

async function readBytes(cwd: string, file: string): Promise<Buffer> {
  return readFile(path.resolve(cwd, file)).catch((cause: unknown) => {
    throw new CliError(`${file} cannot be read (${(cause as NodeJS.ErrnoException).code}).`, {
      cause,
    });
  });
}

function isText({ input }: Known, key: string): boolean {
  const properties = input['properties'] as Record<string, { type?: unknown }> | undefined;
  return properties?.[key]?.type === 'string';
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

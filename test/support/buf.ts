// buf, as somebody who calls or judges an interface runs it.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

export interface BufResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs buf in a folder. */
export async function buf(args: readonly string[], cwd = root): Promise<BufResult> {
  const bin = path.join(root, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  const options = { cwd, env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 };
  try {
    return { code: 0, ...(await run(path.join(bin, 'buf'), args, options)) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

/** What `buf breaking` says of a new interface against an old one; empty when old clients go on. */
export async function findBreaks(before: string, after: string): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'stepcast-proto-'));
  try {
    const rules = await readFile(path.join(root, 'test/proto/buf.yaml'));
    for (const [name, text] of [
      ['before', before],
      ['after', after],
    ] as const) {
      await mkdir(path.join(folder, name));
      await writeFile(path.join(folder, name, 'stepcast.proto'), text);
      await writeFile(path.join(folder, name, 'buf.yaml'), rules);
    }
    const { code, stdout, stderr } = await buf(
      ['breaking', 'after', '--against', 'before'],
      folder,
    );
    const lines = stdout.split('\n').filter((line) => line !== '');
    if (code !== 0 && lines.length === 0) throw new Error(stderr);
    return [...lines, ...newlyRequired(before, after)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Fields that a request which there was must have, and had not to. Proto3 knows no required fields, so the printed proto says it
 * in a comment, and buf does not see it.
 */
function newlyRequired(before: string, after: string): string[] {
  const known = requiredFields(before);
  return [...requiredFields(after)]
    .filter((field) => !known.has(field) && before.includes(`message ${field.split('.')[0]} {`))
    .map((field) => `${field} is required now`);
}

/** `SketchRequest.prompt`: of requests, at the top and inside. */
function requiredFields(proto: string): Set<string> {
  const found = new Set<string>();
  const scope: string[] = [];
  let isRequired = false;
  for (const line of proto.split('\n').map((text) => text.trim())) {
    if (line.startsWith('// ')) {
      isRequired ||= /^\/\/ Required\b/.test(line);
      continue;
    }
    const opened = /^(?:message|enum|service|oneof) (\w+) \{$/.exec(line)?.[1];
    if (opened !== undefined) scope.push(opened);
    else if (line === '}') scope.pop();
    const field = /(\w+) = \d+/.exec(line)?.[1];
    if (isRequired && field !== undefined) found.add([...scope, field].join('.'));
    isRequired = false;
  }
  return found;
}

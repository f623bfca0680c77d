import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BuildFailure, BuildOptions, Message, Plugin } from 'esbuild';

/** The code of a model as one module. */
export interface CompiledModel {
  readonly text: string;
  /** Changes when the text does. */
  readonly hash: string;
  /** Absolute paths of the files that it was made of. */
  readonly sources: readonly string[];
}

/**
 * Packages of which a process has one copy, whatever lies beside the model: schemas and tensors pass
 * between the model and its host. So a folder with no packages at all works, too.
 */
const SHARED: Readonly<Record<string, (name: string) => string>> = {
  '@stepcast/models': () => siblingOf(import.meta.url, './index'),
  // With what lies in it, such as zod/v4.
  zod: (name) => import.meta.resolve(name),
  // The copy that the runtime itself uses, see ort-tensor.ts.
  'onnxruntime-common': (name) => pathToFileURL(createRequire(import.meta.url).resolve(name)).href,
};

/** Marks the look-ups that the plugin makes itself. */
const RESOLVING = Symbol('resolving');

/** How many users esbuild's service has: it is one process per process, as its own module keeps it. */
let services = 0;

/**
 * Runs `use`, which may call {@link compileModel}, and ends the compiler's process behind the last user:
 * a hub at rest keeps none.
 */
export async function withCompiler<Result>(use: () => Promise<Result>): Promise<Result> {
  services += 1;
  try {
    return await use();
  } finally {
    services -= 1;
    if (services === 0) await (await import('esbuild')).stop();
  }
}

/**
 * Bundles `model.ts` or `model.js` with the files of its own that it imports. Packages stay outside, and
 * are found from the folder of the file that imports them.
 * @throws {Error} naming file, line and what is wrong
 */
export async function compileModel(file: string): Promise<CompiledModel> {
  const { build } = await import('esbuild');
  const directory = path.dirname(file);
  const result = await build(optionsFor(file)).catch((error: unknown) => {
    throw new Error(describe(error), { cause: error });
  });
  const text = result.outputFiles?.[0]?.text ?? '';
  const sources = Object.keys(result.metafile?.inputs ?? {});
  return {
    text,
    hash: createHash('sha256').update(text).digest('hex'),
    sources: sources.map((source) => path.resolve(directory, source)),
  };
}

/** The module itself. Its file is gone when it is loaded; its source map names the author's files. */
export async function importCompiled({ text }: CompiledModel): Promise<{ default?: unknown }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'stepcast-compiled-'));
  try {
    const file = path.join(folder, 'model.mjs');
    await writeFile(file, text);
    return (await import(pathToFileURL(file).href)) as { default?: unknown };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function optionsFor(file: string): BuildOptions {
  return {
    entryPoints: [file],
    absWorkingDir: path.dirname(file),
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Packages are found as Node finds them: esbuild would add its own condition, `module`.
    conditions: [],
    sourcemap: 'inline',
    sourceRoot: pathToFileURL(`${path.dirname(file)}/`).href,
    // What a folder means does not hang on configuration that lies above it.
    tsconfigRaw: {},
    define: {
      'import.meta.url': JSON.stringify(pathToFileURL(file).href),
      'import.meta.filename': JSON.stringify(file),
      'import.meta.dirname': JSON.stringify(path.dirname(file)),
    },
    logLevel: 'silent',
    plugins: [packagesOutside],
  };
}

const packagesOutside: Plugin = {
  name: 'packages-outside',
  setup(build) {
    build.onResolve({ filter: /^[^./#]/ }, async (args) => {
      const { path: name, kind, importer, resolveDir } = args;
      if (kind === 'entry-point' || args.pluginData === RESOLVING) return undefined;
      if (name.startsWith('file:')) return { path: fileURLToPath(name) };
      const shared = sharedCopy(name);
      if (shared !== undefined) return { path: shared, external: true };
      const found = await build.resolve(name, {
        kind,
        importer,
        resolveDir,
        pluginData: RESOLVING,
      });
      if (found.errors.length > 0) return { errors: [missing(name)] };
      if (found.external) return { path: found.path, external: true };
      return { path: pathToFileURL(found.path).href, external: true };
    });
  },
};

/** Where the hub's copy of a package, or of a part of it, lies; undefined when the model may have its own. */
function sharedCopy(name: string): string | undefined {
  const owner = Object.keys(SHARED).find((key) => name === key || name.startsWith(`${key}/`));
  return owner === undefined ? undefined : SHARED[owner]?.(name);
}

function missing(name: string): { text: string } {
  return { text: `the package "${name}" is not installed where the model finds it` };
}

/** A file beside another one; sources and built files have different endings. */
function siblingOf(url: string, name: string): string {
  return new URL(`${name}${path.extname(new URL(url).pathname)}`, url).href;
}

const MAX_MESSAGES = 3;

function describe(error: unknown): string {
  const { errors } = error as Partial<BuildFailure>;
  if (errors === undefined || errors.length === 0) return String(error);
  return errors.slice(0, MAX_MESSAGES).map(describeMessage).join('; ');
}

function describeMessage({ text, location }: Message): string {
  if (location === null) return text;
  return `${location.file}:${location.line}:${location.column + 1}: ${text}`;
}

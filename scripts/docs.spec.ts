import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, it } from '@jest/globals';
import { loadModel, loadRegistry, runModel } from '@stepcast/models';
import { describeConfig } from '@stepcast/platform';
import ts from 'typescript';

import { apiSlices } from '../apps/api/src/api.config.js';
import { gatewaySlices } from '../apps/gateway/src/gateway.config.js';
import { workerSlices } from '../apps/worker/src/worker.config.js';
import { listSections, renderConfiguration, renderEnvExample } from './lib/config-docs.mjs';
import { rootDir } from './lib/paths.mjs';

const read = (file: string): string => readFileSync(path.join(rootDir, file), 'utf8');

const skippedFolders = new Set(['node_modules', 'dist', 'coverage', '__pycache__', 'venv']);

/** Texts that people write, relative to the root. Folders with a dot are skipped, but for .ci. */
function listFiles(folder = ''): string[] {
  return readdirSync(path.join(rootDir, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      const isHidden = entry.name.startsWith('.') && entry.name !== '.ci';
      return isHidden || skippedFolders.has(entry.name) ? [] : listFiles(file);
    }
    return /\.(ts|mjs|js|lua|md|py|html|css|sh|yml)$|^\.ci\/|^\.npmrc$/.test(file) ? [file] : [];
  });
}

const files = listFiles();
const documents = files.filter((file) => file.endsWith('.md'));

/** A document without its fenced code. */
function prose(file: string): string {
  return read(file).replaceAll(/^ *```.*?^ *```/gms, '');
}

function headings(file: string): string[] {
  return [...prose(file).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text.trim());
}

/** The anchor that GitHub makes of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

/** What is wrong with a relative link, or undefined. */
function faultOfLink(file: string, link: string): string | undefined {
  const [target = '', anchor] = link.split('#');
  const place = target === '' ? file : path.join(path.dirname(file), target);
  if (!existsSync(path.join(rootDir, place))) return `${file}: ${link} does not exist`;
  if (anchor === undefined || headings(place).map(anchorOf).includes(anchor)) return undefined;
  return `${file}: ${link} names no heading`;
}

/** Relative links of a document, without those in code marks. */
function linksOf(file: string): string[] {
  const text = prose(file).replaceAll(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
}

interface Reference {
  readonly file: string;
  readonly target: string;
  /** Heading in quotes behind the target, or number of a section. */
  readonly section: string | undefined;
}

const REFERENCE =
  /(?<![\w./-])((?:docs\/[\w./-]*\w)|CONTRIBUTING\.md)(?:,? (?:§(\d+)|["'“]([^"'”]+)["'”]))?/g;

/** Places where code or text names a document. A comment may break the line in between. */
function referencesOf(file: string): Reference[] {
  const text = read(file).replaceAll(/\n\s*(?:\*|\/\/|--|#)?\s*/g, ' ');
  return [...text.matchAll(REFERENCE)].map(([, target = '', number, heading]) => ({
    file,
    target,
    section: number ?? heading,
  }));
}

/** A decision may be named by its number alone. */
function isDecision(target: string): boolean {
  const number = /^docs\/adr\/(\d{4})$/.exec(target)?.[1];
  return number !== undefined && files.some((file) => file.startsWith(`docs/adr/${number}-`));
}

function faultOfReference({ file, target, section }: Reference): string | undefined {
  if (isDecision(target)) return undefined;
  if (!existsSync(path.join(rootDir, target))) return `${file}: ${target} does not exist`;
  if (section === undefined || !target.endsWith('.md')) return undefined;
  const known = headings(target).some((heading) => {
    return heading === section || heading.startsWith(`${section} `);
  });
  return known ? undefined : `${file}: ${target} has no section "${section}"`;
}

const faultsOf = <T>(items: readonly T[], judge: (item: T) => string | undefined): string[] =>
  items.map(judge).filter((fault) => fault !== undefined);

describe('the documents', () => {
  it('have no relative link that leads nowhere', () => {
    const links = documents.flatMap((file) => linksOf(file).map((link) => [file, link] as const));

    expect(links.length).toBeGreaterThan(20);
    expect(faultsOf(links, ([file, link]) => faultOfLink(file, link))).toEqual([]);
  });

  it('hold every document and section that code and text name', () => {
    const references = files
      .filter((file) => file !== 'scripts/docs.spec.ts')
      .flatMap(referencesOf);

    expect(references.length).toBeGreaterThan(20);
    expect(faultsOf(references, faultOfReference)).toEqual([]);
  });

  it('are all in docs/README.md', () => {
    const index = read('docs/README.md');
    const names = readdirSync(path.join(rootDir, 'docs')).filter((name) => name.endsWith('.md'));

    expect(names.filter((name) => name !== 'README.md' && !index.includes(`(${name})`))).toEqual(
      [],
    );
  });

  it('and the code name no ticket: what matters of one is said in words', () => {
    const numbered = /\bissues?[ -](?:no\.? ?)?#?\d/i;

    expect(files.filter((file) => numbered.test(read(file)))).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  const text = read('docs/architecture.md');

  it('names only files that exist', () => {
    const paths = [...text.matchAll(/`((?:apps|libs|models|scripts|test)\/[\w./-]+)`/g)];

    expect(
      paths.map(([, file = '']) => file).filter((file) => !existsSync(path.join(rootDir, file))),
    ).toEqual([]);
  });

  it('follows one job through every part of the hub, and back', () => {
    const section = /^## Follow one job$(.*?)^## /ms.exec(text)?.[1] ?? '';
    const paths = [...section.matchAll(/`((?:apps|libs)\/[^`]+)`/g)].map(([, file = '']) => file);
    const parts = new Set(paths.map((file) => file.split('/').slice(0, 2).join('/')));

    expect([...parts].sort()).toEqual([
      ...['apps/api', 'apps/gateway', 'apps/worker'],
      ...['libs/hub', 'libs/jobs', 'libs/models', 'libs/redis'],
    ]);
    expect(paths.filter((file) => !existsSync(path.join(rootDir, file)))).toEqual([]);
  });

  it('links every decision, and every decision has the same parts', () => {
    for (const name of readdirSync(path.join(rootDir, 'docs/adr'))) {
      const file = `docs/adr/${name}`;

      expect(text).toContain(`(adr/${name})`);
      expect(headings(file)[0]).toMatch(new RegExp(`^${Number(name.slice(0, 4))} `));
      expect(headings(file).slice(1)).toEqual([
        'Context',
        'Options considered',
        'Decision',
        'Consequences',
      ]);
      expect(read(file)).toMatch(/^- Status: .+\n- Date: \d{4}-\d\d-\d\d$/m);
    }
  });
});

describe('what npm run docs writes', () => {
  const apps = [
    { name: 'api', slices: apiSlices },
    { name: 'gateway', slices: gatewaySlices },
    { name: 'worker', slices: workerSlices },
  ];
  const sections = listSections(apps, describeConfig);
  const howToMend = (file: string): string => `${file} is stale; run: npm run docs\n`;

  it.each([
    ['docs/configuration.md', renderConfiguration(sections)],
    ['.env.example', renderEnvExample(sections)],
  ])('is what %s says', (file, expected) => {
    expect(howToMend(file) + read(file)).toBe(howToMend(file) + expected);
  });

  it('describes every variable, each once', () => {
    const variables = sections.flatMap((section) => section.variables);

    expect(variables.filter(({ description }) => description === '')).toEqual([]);
    expect(new Set(variables.map(({ name }) => name)).size).toBe(variables.length);
  });
});

describe('docs/models.md', () => {
  /** Models that stand there as a whole, with an input and what comes of it. */
  const EXAMPLES = [
    {
      name: 'echo',
      input: { text: 'one two', everyMs: 0 },
      output: '{"words":2}',
      events: ['word {"step":1,"of":2,"word":"one"}', 'word {"step":2,"of":2,"word":"two"}'],
    },
    { name: 'length', input: { text: 'a bc' }, output: '{"letters":3,"together":1}', events: [] },
    {
      name: 'grow',
      input: { from: 1, steps: 2 },
      output: '{"value":4}',
      events: ['step {"step":1,"of":2,"value":2}', 'step {"step":2,"of":2,"value":4}'],
    },
  ];
  const codes = [...read('docs/models.md').matchAll(/```ts\n(.*?)```/gs)]
    .map(([, code = '']) => code)
    .filter((code) => code.includes('export default defineModel'));

  it('has these models, and begins with the first', () => {
    const names = codes.map((code) => /name: '(.+?)'/.exec(code)?.[1]);

    expect(names).toEqual(EXAMPLES.map(({ name }) => name));
  });

  it('has models whose types are right', () => {
    expect(faultsOfTypes(codes)).toEqual([]);
  }, 60_000);

  it.each(EXAMPLES)('has a model $name that runs as it stands', async (example) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'stepcast-docs-'));
    try {
      await mkdir(path.join(directory, example.name));
      const code = codes.find((text) => text.includes(`name: '${example.name}'`)) ?? '';
      await writeFile(path.join(directory, example.name, 'model.ts'), code);

      const registry = await loadRegistry(directory);
      const [entry] = registry.entries();
      const options = { providers: ['cpu'], threads: 1, log: () => undefined };
      const events: string[] = [];
      const outcome = await runModel(
        await loadModel(entry!, options),
        { job: 'job', attempt: 1, input: example.input },
        {
          signal: new AbortController().signal,
          emit: ({ type, json }) => void events.push(`${type} ${json}`),
          log: () => undefined,
        },
      );

      expect(registry.broken).toEqual([]);
      expect(outcome).toEqual({ kind: 'done', output: example.output });
      expect(events).toEqual(example.events);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

/** What the compiler, as strict as for our own code, says of pieces of code. */
function faultsOfTypes(codes: readonly string[]): string[] {
  const files = new Map(
    codes.map((code, index) => [path.join(rootDir, `docs-example-${String(index)}.ts`), code]),
  );
  const { config } = ts.readConfigFile(path.join(rootDir, 'tsconfig.json'), (file) =>
    ts.sys.readFile(file),
  ) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, rootDir);
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (file) => files.has(file) || disk.fileExists(file),
    readFile: (file) => files.get(file) ?? disk.readFile(file),
    getSourceFile: (file, target, ...rest) => {
      const code = files.get(file);
      if (code === undefined) return disk.getSourceFile(file, target, ...rest);
      return ts.createSourceFile(file, code, target);
    },
  };
  const program = ts.createProgram([...files.keys()], { ...options, noEmit: true }, host);
  return [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    return [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ].map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  });
}

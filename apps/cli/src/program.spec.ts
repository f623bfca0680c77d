import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { createProgram, runProgram } from './program.js';

function edge(env: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const interrupted = () => new AbortController().signal;
  return { version: '1.2.3', env, cwd: '/', stdin: new PassThrough(), stdout, stderr, interrupted };
}

/** Every command that does something, by its full name. */
function commandsOf(command: Command, name = command.name()): [string, Command][] {
  if (command.commands.length === 0) return [[name, command]];
  return command.commands.flatMap((inner) => commandsOf(inner, `${name} ${inner.name()}`));
}

const commands = commandsOf(createProgram(edge(), (command) => command.then(() => undefined)));
const document = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');

/** Sections by heading. */
const sections = new Map(
  document
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
);

describe('docs/cli.md', () => {
  it('has a section for each command', () => {
    expect([...sections.keys()].sort()).toEqual(commands.map(([name]) => name).sort());
  });

  it.each(commands)('lists the options of %s', (name, command) => {
    const listed = [...(sections.get(name) ?? '').matchAll(/^\| `(--[a-z]+)`/gm)];

    expect(listed.map(([, flag]) => flag).sort()).toEqual(
      command.options.map(({ long }) => long).sort(),
    );
  });

  it('shows only commands and options that there are', () => {
    const examples = [...document.matchAll(/^.*npx (stepcast .*)$/gm)].map(([, line = '']) => line);
    const unknown = examples.filter((line) => {
      const found = commands.find(([name]) => line.startsWith(name));
      const flags = line.match(/ --[a-z]+/g) ?? [];
      return !flags.every((flag) => found?.[1].options.some(({ long }) => long === flag.trim()));
    });

    expect(examples.length).toBeGreaterThan(8);
    expect(unknown).toEqual([]);
  });
});

describe('runProgram', () => {
  it('prints the version and its help with code 0', async () => {
    const here = edge();

    expect(await runProgram(here, ['--version'])).toBe(0);
    expect(await runProgram(here, ['run', '--help'])).toBe(0);
    expect(String(here.stdout.read())).toMatch(/^1\.2\.3\nUsage: stepcast run/);
  });

  it('takes the hub of STEPCAST_URL, and --url before it', async () => {
    const here = edge({ STEPCAST_URL: 'one' });

    await runProgram(here, ['models']);
    await runProgram(here, ['models', '--url', 'two']);

    expect(String(here.stderr.read())).toMatch(/^stepcast: "one" .*\nstepcast: "two" /);
  });

  it('says in one line what it did not foresee, and exits with 2', async () => {
    const here = edge();

    expect(await runProgram(here, ['proto', '--models', '/there-is/none'])).toBe(2);
    expect(String(here.stderr.read())).toMatch(/^stepcast: The models directory .*none.*\n$/);
  });

  it.each([
    [['run', 'pace', '--json', '--progress']],
    [['proto', '--models', 'a', '--url', 'b']],
    [['new', 'model']],
    [[]],
  ])('exits with 2 for %j', async (args) => {
    expect(await runProgram(edge(), args)).toBe(2);
  });
});

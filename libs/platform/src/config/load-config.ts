import type * as z from 'zod';
import { describeField, fieldsOf, type ConfigSlice, type ConfigVariable } from './config-slice.js';
import { redact, redactText } from './redact.js';

/** The environment as a process has it. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The values of every slice of a process, in one frozen object. */
export type Config = Readonly<Record<string, unknown>>;

/** The values of some slices, typed: what each of them says, together. */
export type ConfigOf<Slices extends readonly ConfigSlice[]> = Readonly<
  Intersection<Slices[number] extends infer Slice ? OutputOf<Slice> : never>
>;

type OutputOf<Slice> = Slice extends ConfigSlice<infer Schema> ? z.output<Schema> : never;

type Intersection<Union> = (Union extends unknown ? (one: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;

/** One setting that is missing or wrong. */
export interface ConfigProblem {
  readonly variable: ConfigVariable;
  /** As it may be printed; absent when the variable is not set. */
  readonly received?: string;
  readonly expected: string;
}

/** The configuration cannot be used. The message lists every problem with its remedy. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(explain(problems));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads the variables of all slices. A variable that is set to nothing counts as not set, because that
 * is what compose files and shells make of an unset one. Pure; the result is frozen.
 * @throws {ConfigError} with every problem of every slice.
 */
export function loadConfig<const Slices extends readonly ConfigSlice[]>(
  slices: Slices,
  env: Env,
): ConfigOf<Slices> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const config: Record<string, unknown> = {};
  const problems = new Map<string, ConfigProblem>();
  for (const { schema } of slices) {
    const result = schema.safeParse(set);
    if (result.success) {
      Object.assign(config, result.data);
      continue;
    }
    for (const issue of result.error.issues) {
      const problem = toProblem(schema, issue, set);
      problems.set(`${problem.variable.name} ${problem.expected}`, problem);
    }
  }
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
  return freeze(config) as ConfigOf<Slices>;
}

/** The effective configuration as it may be logged. */
export function printableConfig(
  slices: readonly ConfigSlice[],
  config: Config,
): Record<string, unknown> {
  const fields = slices.flatMap((slice) => fieldsOf(slice.schema));
  return Object.fromEntries(
    fields.map(([name, schema]) => [
      name,
      redact(config[name], describeField(name, schema).secret),
    ]),
  );
}

function toProblem(schema: z.ZodObject, issue: z.core.$ZodIssue, env: Env): ConfigProblem {
  const name = String(issue.path[0] ?? '');
  const field = (schema.shape as Record<string, z.core.$ZodType | undefined>)[name];
  const variable =
    field === undefined
      ? { name, description: '', required: true, secret: false }
      : describeField(name, field);
  const received = env[name] === undefined ? undefined : redactText(env[name], variable.secret);
  return {
    variable,
    ...(received === undefined ? {} : { received }),
    expected: issue.message,
  };
}

function explain(problems: readonly ConfigProblem[]): string {
  const parts = problems.map(({ variable, received, expected }) => {
    const example = variable.example ?? variable.default;
    return [
      `  ${variable.name}${received === undefined ? ' is not set' : `=${received}`}`,
      `    expected: ${expected}`,
      ...(variable.description === '' ? [] : [`    meaning:  ${variable.description}`]),
      ...(example === undefined ? [] : [`    example:  ${variable.name}=${example}`]),
    ].join('\n');
  });
  const count = problems.length === 1 ? 'One setting needs' : `${problems.length} settings need`;
  return `${count} attention (docs/configuration.md):\n\n${parts.join('\n\n')}\n`;
}

function freeze(value: Record<string, unknown>): Config {
  for (const item of Object.values(value)) {
    if (typeof item === 'object' && item !== null) Object.freeze(item);
  }
  return Object.freeze(value);
}

import { painter } from '../colour.js';
import { EXIT } from '../cli-error.js';
import type { Edge } from '../edge.js';
import { checkModels } from './check-models.js';
import { checkPorts } from './check-ports.js';
import { checkRedis } from './check-redis.js';
import { checkRuntime } from './check-runtime.js';
import type { Finding } from './finding.js';

export interface DoctorOptions {
  readonly models?: string;
  readonly json?: boolean;
}

const MARKS = {
  ok: { mark: 'ok', style: 'green' },
  warning: { mark: 'warning', style: 'yellow' },
  missing: { mark: 'MISSING', style: 'red' },
} as const;

/** `stepcast doctor`: what a hub needs and whether it is here. */
export async function doctorCommand(edge: Edge, { models, json }: DoctorOptions): Promise<number> {
  const checks = [
    () => checkVersions(edge),
    () => checkRedis(edge.env),
    () => checkRuntime(edge.env),
    () => checkModels(edge, models),
    () => checkPorts(edge.env),
  ];
  const findings: Finding[] = [];
  for (const check of checks) {
    for (const finding of await check()) {
      findings.push(finding);
      if (json !== true) show(edge, finding);
    }
  }
  if (json === true) edge.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  return findings.some(({ state }) => state === 'missing') ? EXIT.failed : EXIT.ok;
}

function show(edge: Edge, { about, state, text, remedy }: Finding): void {
  const paint = painter(edge.stdout, edge.env);
  const { mark, style } = MARKS[state];
  edge.stdout.write(`${paint(style, mark.padEnd(8))} ${about}: ${text}\n`);
  if (remedy !== undefined) edge.stdout.write(`${' '.repeat(9)}${remedy}\n`);
}

function checkVersions({ version }: Edge): Finding[] {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isNew = major > 20 || (major === 20 && minor >= 19);
  return [
    { about: 'Stepcast', state: 'ok', text: version },
    isNew
      ? { about: 'Node', state: 'ok', text: node }
      : { about: 'Node', state: 'missing', text: node, remedy: 'Install 20.19 or newer.' },
  ];
}

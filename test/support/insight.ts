// What an operator sees of a process: health, metrics, log.
import type { AppProcess } from './app-process.js';
import { call } from './clients.js';

export interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly message?: string }>>;
}

export async function readiness({ url }: AppProcess): Promise<Readiness> {
  return (await call<Readiness>(`${url}/health/ready`)).body;
}

/** Why a check fails; empty while it passes. */
export async function complaint(app: AppProcess, check: string): Promise<string> {
  const { ok, message } = (await readiness(app)).checks[check] ?? { ok: false, message: 'none' };
  return ok ? '' : (message ?? 'no reason');
}

/**
 * Sum of all series of a metric that carry these labels, as `kind="full"`. Throws when there is none:
 * the name is wrong, or the labels are.
 * @param ifNone for a counter with labels, which has no series before it first counts
 */
export async function metric(
  { url }: Pick<AppProcess, 'url'>,
  name: string,
  labels = '',
  ifNone?: number,
): Promise<number> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const lines = (await response.text()).split('\n');
  const isOf = (line: string) => line.startsWith(`${name}{`) && line.includes(labels);
  const series = lines.filter(isOf);
  // What is declared has a type, also before its first series.
  const isKnown = lines.some((line) => line.startsWith(`# TYPE ${name} `));
  if (series.length === 0 && (ifNone === undefined || !isKnown))
    throw new Error(`${url} has no metric ${name} {${labels}}`);
  return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), ifNone ?? 0);
}

/** Messages of the log, oldest first. */
export function messages({ log }: AppProcess): string[] {
  return log.map((line) => {
    try {
      return String((JSON.parse(line) as { msg?: unknown }).msg);
    } catch {
      return line;
    }
  });
}

/** Whether the log has a message with this text. */
export function hasSaid(app: AppProcess, text: string): boolean {
  return messages(app).some((message) => message.includes(text));
}

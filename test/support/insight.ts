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

/** Sum of all series of a metric that carry these labels, as `kind="full"`. */
export async function metric({ url }: AppProcess, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
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

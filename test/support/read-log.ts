// The log of a job as the API gives it.
import { call, type SeenEvent } from './clients.js';

interface LogPage {
  readonly events: SeenEvent[];
  readonly position: string;
  readonly closed: boolean;
}

/** The whole log of a job that was not trimmed. */
export async function readLog(api: string, job: string): Promise<SeenEvent[]> {
  const events: SeenEvent[] = [];
  for (let from = 'start'; ;) {
    const url = `${api}/v1/jobs/${job}/log?limit=1000&from=${from}`;
    const { body } = await call<LogPage>(url);
    events.push(...body.events);
    if (body.events.length === 0 || body.closed) return events;
    from = body.position;
  }
}

import { isTerminalType, type FoldKind, type JobEvent } from '@stepcast/protocol';
import { painter } from '../colour.js';
import type { Edge } from '../edge.js';
import { shortJson } from './data-url.js';
import type { StreamMessage } from './job-stream.js';
import { ProgressLine } from './progress-line.js';
import type { RunView } from './run-view.js';

const MAX_INFO = 60;

/**
 * For people: a bar for events with `step` and `of`, text of `append` events as it comes, everything else as
 * lines; the output at the end. Text and output go to stdout, the rest to stderr.
 */
export class PeopleView implements RunView {
  readonly #edge: Pick<Edge, 'env' | 'stdout' | 'stderr'>;
  readonly #paint: ReturnType<typeof painter>;
  readonly #folds: Readonly<Record<string, FoldKind>>;
  readonly #progress: ProgressLine;
  /** Text that was shown does not end its line. */
  #isMidLine = false;

  constructor(
    edge: Pick<Edge, 'env' | 'stdout' | 'stderr'>,
    folds: Readonly<Record<string, FoldKind>>,
  ) {
    this.#edge = edge;
    this.#folds = folds;
    this.#paint = painter(edge.stderr, edge.env);
    this.#progress = new ProgressLine(edge.stderr);
  }

  line({ message }: { message: StreamMessage }): void {
    const text = describe(message);
    if (text !== undefined) this.note(text);
    else if (message.type === 'snapshot') this.#showState(message);
    else if (message.seq !== undefined && !isTerminalType(message.type)) {
      this.#showModelEvent(message);
    }
  }

  note(text: string): void {
    this.#endLine();
    this.#progress.log(`${this.#paint('dim', text)}\n`);
  }

  end({ type, data }: JobEvent): void {
    this.close();
    const { output, code, message, by, reason, stoppedAfterMs } = data as Record<string, string>;
    if (type === 'completed') {
      this.#edge.stdout.write(`${shortJson(output, 2)}\n`);
    } else if (type === 'failed') {
      this.#edge.stderr.write(`${this.#paint('red', 'failed')} ${code}: ${message}\n`);
    } else {
      const why = reason ? `: ${reason}` : '';
      const when = `stopped after ${Math.round(Number(stoppedAfterMs))} ms`;
      this.#edge.stderr.write(`${this.#paint('yellow', 'cancelled')} by ${by}${why} (${when})\n`);
    }
  }

  close(): void {
    this.#progress.stop();
    this.#endLine();
  }

  #showModelEvent({ type, data }: StreamMessage): void {
    if (this.#folds[type] === 'append') {
      this.#showText(textOf(data));
      return;
    }
    const { step, of, ...rest } = Object(data) as Record<string, unknown>;
    if (typeof step === 'number' && typeof of === 'number') {
      this.#endLine();
      this.#progress.update(step, of, infoOf(rest));
    } else {
      this.note(`${type} ${shortJson(data)}`);
    }
  }

  /** What a snapshot says anew of texts; a bar moves with the next step. */
  #showState({ data, state }: StreamMessage): void {
    const { events = {} } = (state ?? data ?? {}) as { events?: Record<string, unknown> };
    this.note('what came before is replaced');
    for (const [type, folded] of Object.entries(events)) {
      if (this.#folds[type] === 'append') this.#showText(textOf(folded));
    }
  }

  #showText(text: string): void {
    if (text === '') return;
    // Behind a bar there is no place for half a line.
    if (this.#progress.isShown) {
      this.#progress.log(text.endsWith('\n') ? text : `${text}\n`);
      return;
    }
    this.#edge.stdout.write(text);
    this.#isMidLine = !text.endsWith('\n');
  }

  #endLine(): void {
    if (this.#isMidLine) this.#edge.stdout.write('\n');
    this.#isMidLine = false;
  }
}

/** A line for what the hub itself tells; undefined for what the model emits, and for ends. */
function describe({ type, data }: StreamMessage): string | undefined {
  const fields = Object(data) as Record<string, unknown>;
  switch (type) {
    case 'queued':
      return 'queued';
    case 'started':
      return `started on ${String(fields['device'])}`;
    case 'log':
      return `${String(fields['level'])}: ${String(fields['message'])}`;
    case 'attempt':
      return `attempt ${String(fields['attempt'])} (${String(fields['mode'])})`;
    case 'reset':
      return 'the hub begins this job anew';
    default:
      return undefined;
  }
}

/** The text of an `append` event: itself, or the first field that is one. */
function textOf(data: unknown): string {
  const values = typeof data === 'object' && data !== null ? Object.values(data) : [data];
  const text: unknown = values.find((value) => typeof value === 'string');
  return typeof text === 'string' ? text : '';
}

/** What fits beside a bar: numbers and short texts. */
function infoOf(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .filter(([, value]) => typeof value === 'number' || isShort(value))
    .map(([key, value]) => `${key} ${typeof value === 'number' ? round(value) : String(value)}`)
    .join(', ')
    .slice(0, MAX_INFO);
}

const isShort = (value: unknown): boolean => typeof value === 'string' && value.length <= 30;

const round = (value: number): number => Math.round(value * 1000) / 1000;

// How the events of the sample models fold, and what must be true of their jobs once they are completed.
import type { FoldOf, JobState } from '@stepcast/hub';
import type { FoldKind } from '@stepcast/protocol';

const folds: Readonly<Record<string, Readonly<Record<string, FoldKind>>>> = {
  sketch: { step: 'latest' },
  writer: { token: 'append' },
  pace: { step: 'all' },
};

/** `all` for models and types that are not samples. */
export function sampleFold(model: string): FoldOf {
  return (type) => folds[model]?.[type] ?? 'all';
}

/**
 * What the folded state of a job says against itself: its steps and its output are made by the same run,
 * so a lost, repeated or foreign step shows. Independent of what any log says.
 */
export function stateFaults(model: string, input: object, state: JobState): string[] {
  if (state.status !== 'completed') return [];
  const { output = {} } = (state.end?.data ?? {}) as { output?: Record<string, unknown> };
  const { steps = 20 } = input as { steps?: number };
  return truths[model]?.(state.events, output, steps) ?? [];
}

type Truth = (
  events: Readonly<Record<string, unknown>>,
  output: Readonly<Record<string, unknown>>,
  steps: number,
) => string[];

const truths: Readonly<Record<string, Truth>> = {
  pace: ({ step = [] }, _output, steps) => {
    const seen = (step as { step: number }[]).map((data) => data.step);
    const off = seen.findIndex((number, index) => number !== index + 1);
    if (off === -1 && seen.length === steps) return [];
    const around = seen.slice(Math.max(0, off), off + 5).join(' ');
    return [`pace: ${seen.length} of ${steps} steps, off at index ${off}: ${around}`];
  },
  writer: ({ token }, { text }) =>
    ((token as { text: string } | undefined)?.text ?? '') === text
      ? []
      : ['writer: the tokens are not the text'],
  sketch: ({ step }, { image }, steps) => {
    const last = step as { step: number; preview: string } | undefined;
    return last?.step === steps && last.preview === image
      ? []
      : [`sketch: step ${String(last?.step)} of ${steps} is not the picture`];
  },
};

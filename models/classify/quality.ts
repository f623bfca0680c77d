/** How often classify is right: what the evaluation and the test of its quality share. */
import { createRandom, createRunner, z, type WarmModel } from '@stepcast/models';

import type { Attribute, Description } from './describe.js';
import { paint, toUrl } from './paint.js';

export const ATTRIBUTES = ['shape', 'colour', 'size', 'background'] as const;

/** A picture and what it shows; an attribute that may be anything is left out. */
export interface Sample {
  readonly image: string;
  readonly truth: Readonly<Partial<Record<Attribute, string>>>;
}

/** An entry of sketch's `prompts.json`. */
export const promptSchema = z.object({
  prompt: z.string(),
  shape: z.string(),
  colour: z.string(),
  size: z.string().nullable(),
  background: z.string(),
});

export type Prompt = z.infer<typeof promptSchema>;

/** Pictures that were painted in another way than those of the training; see {@link paint} for `noise`. */
export function painted(count: number, noise: number): Sample[] {
  const random = createRandom(11);
  return Array.from({ length: count }, () => {
    const { planes, truth } = paint(random, noise);
    return { image: toUrl(planes), truth };
  });
}

/** What the model sketch draws when it is asked for it. */
export async function drawn(
  sketch: WarmModel,
  prompts: readonly Prompt[],
  steps: number,
): Promise<Sample[]> {
  const inputs = prompts.map(({ prompt }, index) => ({ prompt, steps, seed: index + 1 }));
  const outputs = await runAll<{ image: string }>(sketch, inputs);
  return prompts.map(({ shape, colour, size, background }, index) => ({
    image: outputs[index]?.image ?? '',
    truth: { shape, colour, background, ...(size === null ? {} : { size }) },
  }));
}

/** The share of the samples about which it is right, for each attribute. */
export async function shareRight(
  classify: WarmModel,
  samples: readonly Sample[],
): Promise<Record<Attribute, number>> {
  const inputs = samples.map(({ image }) => ({ image }));
  const seen = await runAll<Description>(classify, inputs);
  const findings = samples.map(({ truth }, index) => ({ truth, seen: seen[index] }));
  const shareOf = (attribute: Attribute): number => {
    const asked = findings.filter(({ truth }) => truth[attribute] !== undefined);
    const right = asked.filter(({ truth, seen }) => seen?.[attribute].label === truth[attribute]);
    return right.length / asked.length;
  };
  return {
    shape: shareOf('shape'),
    colour: shareOf('colour'),
    size: shareOf('size'),
    background: shareOf('background'),
  };
}

/** Runs jobs at the same time, as a host does, and gives their outputs. */
export async function runAll<Output>(
  warm: WarmModel,
  inputs: readonly unknown[],
): Promise<Output[]> {
  const runner = createRunner(warm);
  const runs = inputs.map(async (input, index) => {
    const { signal } = new AbortController();
    const port = { signal, emit: () => undefined, log: () => undefined };
    const outcome = await runner.run({ job: `job-${index}`, attempt: 1, input }, port);
    if (outcome.kind === 'done') return JSON.parse(outcome.output) as Output;
    throw new Error(`${warm.model.name} ended as ${JSON.stringify(outcome)}`);
  });
  return Promise.all(runs);
}

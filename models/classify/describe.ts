import { z } from '@stepcast/models';

/** `labels.json`: what the network can say, in the order of its scores. */
export const labelsSchema = z.object({
  /** The last one, `none`, is a picture without one clear shape. */
  shape: z.array(z.string()),
  colour: z.array(z.string()),
  size: z.array(z.string()),
  background: z.array(z.string()),
});

export type Labels = z.infer<typeof labelsSchema>;
export type Attribute = keyof Labels;

/** What the network gives for one picture: for each attribute one score per label. */
export type Scores = Readonly<Record<Attribute, ArrayLike<number>>>;

/** Something that a picture may show, and how likely it does, from 0 to 1. */
export interface Label {
  label: string;
  score: number;
}

export interface Description extends Record<Attribute, Label> {
  caption: string;
  top: Label[];
}

const NONE = 'none';

/** How many captions are given. */
const TOP = 5;

/** Puts scores into words: the best label of each attribute, and the likeliest captions of the whole. */
export function describe(labels: Labels, scores: Scores): Description {
  const of = (attribute: Attribute): Label[] => {
    return labels[attribute].map((label, index) => ({
      label,
      score: scores[attribute][index] ?? 0,
    }));
  };
  const [shape, colour, size, background] = [
    of('shape'),
    of('colour'),
    of('size'),
    of('background'),
  ];
  const top = captions(shape, join(size, colour), background);
  return {
    caption: top[0]?.label ?? '',
    shape: round(first(shape)),
    colour: round(first(colour)),
    size: round(first(size)),
    background: round(first(background)),
    top: top.map(round),
  };
}

/** Attributes are guessed independently, so the likelihood of a caption is the product of its parts. */
function captions(shape: Label[], look: Label[], background: Label[]): Label[] {
  const shapes = shape.filter(({ label }) => label !== NONE);
  const drawn = join(look, shapes).map(({ label, score }) => ({ label: `a ${label}`, score }));
  const none = shape.find(({ label }) => label === NONE)?.score ?? 0;
  const subjects = best([...drawn, { label: 'no clear shape', score: none }]);
  return join(subjects, background, ' on ');
}

/** The best pairs of two lists. Whatever is among the best of three lists has its pair among these. */
function join(one: Label[], other: Label[], between = ' '): Label[] {
  const pairs = one.flatMap((a) =>
    other.map((b) => ({ label: a.label + between + b.label, score: a.score * b.score })),
  );
  return best(pairs);
}

function best(labels: Label[]): Label[] {
  return labels.sort((one, other) => other.score - one.score).slice(0, TOP);
}

function first(labels: Label[]): Label {
  return labels.reduce((most, label) => (label.score > most.score ? label : most));
}

function round({ label, score }: Label): Label {
  return { label, score: Math.round(score * 10_000) / 10_000 };
}

import { describe as group, expect, it } from '@jest/globals';

import { describe, type Labels, type Scores } from './describe.js';

const LABELS: Labels = {
  shape: ['circle', 'star', 'ring', 'none'],
  colour: ['red', 'blue', 'pink'],
  size: ['small', 'big'],
  background: ['white', 'black'],
};

const SURE: Scores = {
  shape: [0.9, 0.06, 0.03, 0.01],
  colour: [0.1, 0.7, 0.2],
  size: [0.2, 0.8],
  background: [0.95, 0.05],
};

group('a description', () => {
  it('names the best label of each attribute', () => {
    expect(describe(LABELS, SURE)).toMatchObject({
      caption: 'a big blue circle on white',
      shape: { label: 'circle', score: 0.9 },
      colour: { label: 'blue', score: 0.7 },
      size: { label: 'big', score: 0.8 },
      background: { label: 'white', score: 0.95 },
    });
  });

  it('gives the five likeliest captions, best first, of all that there are', () => {
    const everyCaption = LABELS.shape.slice(0, -1).flatMap((shape, s) =>
      LABELS.colour.flatMap((colour, c) =>
        LABELS.size.flatMap((size, z) =>
          LABELS.background.map((ground, g) => ({
            label: `a ${size} ${colour} ${shape} on ${ground}`,
            score: SURE.shape[s]! * SURE.colour[c]! * SURE.size[z]! * SURE.background[g]!,
          })),
        ),
      ),
    );
    const likeliest = everyCaption.sort((one, other) => other.score - one.score).slice(0, 5);

    const { top } = describe(LABELS, SURE);

    expect(top.map(({ label }) => label)).toEqual(likeliest.map(({ label }) => label));
    for (const [index, { score }] of top.entries()) {
      expect(score).toBeCloseTo(likeliest[index]!.score, 4);
    }
  });

  it('says so when there is no clear shape, and then no colour or size', () => {
    const { caption, shape, top } = describe(LABELS, { ...SURE, shape: [0.02, 0.01, 0.01, 0.96] });

    expect(caption).toBe('no clear shape on white');
    expect(shape).toEqual({ label: 'none', score: 0.96 });
    expect(top[1]!.label).toBe('no clear shape on black');
    expect(top.filter(({ label }) => label.startsWith('no '))).toHaveLength(2);
  });

  it('rounds scores to four places', () => {
    const { colour } = describe(LABELS, { ...SURE, colour: [1 / 3, 2 / 3 + 1e-7, 0] });

    expect(colour).toEqual({ label: 'blue', score: 0.6667 });
  });
});

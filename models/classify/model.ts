import { defineModel, tensor, z } from '@stepcast/models';

import { classify } from './classify.js';
import { describe, labelsSchema } from './describe.js';
import { CIRCLE, STAR } from './examples.js';
import { PictureError, readPicture, SIDE } from './picture.js';

/** A drawing takes 2 KiB, one full of noise 17 KiB; what is longer is no plain picture of this size. */
const MAX_URL_LENGTH = 65_536;

const image = z
  .string()
  .max(MAX_URL_LENGTH)
  .regex(/^data:image\/png;base64,[A-Za-z0-9+/]+={0,2}$/, {
    error: 'must be a PNG as a data URL: "data:image/png;base64,…"',
  })
  .describe(`A PNG of ${SIDE} x ${SIDE} pixels, as a data URL; what is transparent shows white`)
  .transform((url, ctx) => {
    try {
      return readPicture(url);
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      ctx.addIssue({ code: 'custom', message: error.message, input: url });
      return z.NEVER;
    }
  });

const planes = tensor('float32', [3, SIDE, SIDE])
  .refine(({ data }) => data.every((value) => value >= 0 && value <= 1), {
    error: 'must hold numbers from 0 to 1',
  })
  .describe('In place of `image`: planes of red, green and blue, from 0 to 1');

const label = z.object({ label: z.string(), score: z.number().describe('0 to 1') });

/** Says what a drawing shows. Calls that come together are looked at together. */
export default defineModel({
  name: 'classify',
  description: 'Says what a small drawing shows: shape, colour, size and background.',
  examples: [{ image: STAR }, { image: CIRCLE }],
  input: z
    .object({ image: image.optional(), tensor: planes.optional() })
    .refine((input) => (input.image === undefined) !== (input.tensor === undefined), {
      error: 'give either image or tensor',
    }),
  output: z.object({
    caption: z.string().describe('The likeliest description, such as "a big red circle on white"'),
    shape: label.describe(
      '`none` when there is not one clear shape; colour and size then say nothing',
    ),
    colour: label,
    size: label,
    background: label,
    top: z.array(label).describe('The five likeliest descriptions, best first'),
  }),
  // On two cores more pictures per batch gain nothing, and a batch blocks its host for as long as it takes.
  batch: { maxSize: 16, maxWaitMs: 5 },

  async load(env) {
    return {
      network: await env.session('classifier.onnx'),
      labels: labelsSchema.parse(await env.readJson('labels.json')),
    };
  },

  async warmup({ network }) {
    await classify(network, [new Float32Array(3 * SIDE * SIDE)]);
  },

  async runBatch(inputs, { loaded }) {
    const pictures = inputs.map((input) => input.image ?? planesOf(input.tensor));
    const scores = await classify(loaded.network, pictures);
    return scores.map((score) => describe(loaded.labels, score));
  },
});

/** The schema has seen to it that there is one when there is no image. */
function planesOf(tensor: { readonly data: Float32Array } | undefined): Float32Array {
  if (tensor === undefined) throw new TypeError('neither image nor tensor');
  return tensor.data;
}

import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** Where {@link ModelsConfig} is injected. */
export const MODELS_CONFIG = Symbol('ModelsConfig');

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

/** What every process that knows the models reads. */
export const modelsConfigSchema = z.object({
  MODELS_DIR: z
    .string()
    .default('models')
    .describe('Folder of the models; a relative path counts from the root of the repository.')
    .transform((path) => (isAbsolute(path) ? path : resolve(REPOSITORY, path))),
  MODELS_WATCH: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'Whether models that are saved are loaded anew without a restart. ' +
        'When it is not set: true, unless `NODE_ENV` is `production`.',
    )
    .meta({ example: 'false' }),
  NODE_ENV: z
    .string()
    .optional()
    .describe('`production` turns off what is for development: see `MODELS_WATCH`.')
    .meta({ example: 'production' }),
});

export type ModelsConfig = Readonly<z.output<typeof modelsConfigSchema>>;

/** Whether the folder of the models is to be watched. */
export function isWatching({ MODELS_WATCH, NODE_ENV }: ModelsConfig): boolean {
  return MODELS_WATCH === undefined ? NODE_ENV !== 'production' : MODELS_WATCH === 'true';
}

/** The slice of the configuration; see `ConfigSlice` of the platform. */
export const modelsSlice = { title: 'Models', token: MODELS_CONFIG, schema: modelsConfigSchema };

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
});

export type ModelsConfig = Readonly<z.output<typeof modelsConfigSchema>>;

/** The slice of the configuration; see `ConfigSlice` of the platform. */
export const modelsSlice = { title: 'Models', token: MODELS_CONFIG, schema: modelsConfigSchema };

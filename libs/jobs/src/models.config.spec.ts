import { describe, expect, it } from '@jest/globals';
import { isWatching, modelsConfigSchema } from './models.config.js';

describe('whether the models are watched', () => {
  it.each([
    [{}, true],
    [{ NODE_ENV: 'production' }, false],
    [{ NODE_ENV: 'production', MODELS_WATCH: 'true' }, true],
    [{ MODELS_WATCH: 'false' }, false],
  ])('of %p is %p', (env, expected) => {
    expect(isWatching(modelsConfigSchema.parse(env))).toBe(expected);
  });
});

import { TestEnvironment } from 'jest-environment-node';

/**
 * For tests that run graphs: `@jest-environment ./libs/models/testing/ort-environment.mjs`. The native runtime
 * makes its arrays in the realm of Node itself, and takes those of another realm for something else.
 */
export default class OrtEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.assign(this.global, { Float32Array, BigInt64Array });
  }
}

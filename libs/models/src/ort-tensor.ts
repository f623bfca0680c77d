import { createRequire } from 'node:module';
import type * as Common from 'onnxruntime-common';

const common = createRequire(import.meta.url)('onnxruntime-common') as typeof Common;

/**
 * The class that the runtime itself uses. onnxruntime-node is CommonJS, and `import` would give another copy of
 * the class: as an output to be written in place the runtime passes over a tensor of that copy in silence, and
 * its own results are none of its instances.
 */
export const Tensor = common.Tensor;
export type Tensor = Common.Tensor;

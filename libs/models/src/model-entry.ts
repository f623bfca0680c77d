import type { Model } from './definition.js';

/** A model and the folder of its assets. */
export interface ModelEntry {
  readonly model: Model;
  /** Absolute; where `env.session('unet.onnx')` looks. */
  readonly directory: string;
  /** Changes when the code of the model or a file of its folder does; absent for a model made in place. */
  readonly revision?: string;
  /** Absolute paths of the files that its code was made of. */
  readonly sources?: readonly string[];
}

/** A folder that looks like a model and is none. */
export interface BrokenModel {
  /** Name of the folder. */
  readonly folder: string;
  /** What is wrong and what to do, for the log of the process. */
  readonly reason: string;
}

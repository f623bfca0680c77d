import { describe, expect, it } from '@jest/globals';
import * as runtime from 'onnxruntime-node';
import { Tensor } from './ort-tensor.js';

describe('Tensor', () => {
  it('is the class of the runtime, which takes no other for an output to write into', () => {
    expect(Tensor).toBe(runtime.Tensor);
  });
});

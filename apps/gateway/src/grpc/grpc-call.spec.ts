import { Metadata } from '@grpc/grpc-js';
import { expect, it } from '@jest/globals';
import type { GatewayCore } from '../gateway-core.js';
import { GrpcCall, type GrpcCallOptions } from './grpc-call.js';

it('C1: a call whose status cannot be sent is left all the same, once, and the fault is told', () => {
  const told: unknown[] = [];
  const removed: unknown[] = [];
  let ends = 0;
  let isDetached = false;
  const fault = new URIError('URI malformed');
  const core = {
    connections: { remove: (one: unknown) => removed.push(one) },
    onError: (error: unknown) => told.push(error),
  };
  const sink: GrpcCallOptions['sink'] = {
    ...{ unsentBytes: 0, refusedBytes: 0, message: () => undefined, stalledMs: () => 0 },
    end: () => {
      throw fault;
    },
    detach: () => {
      isDetached = true;
    },
  };
  const call = new GrpcCall({
    ...{
      call: { getDeadline: () => Infinity, sendMetadata: () => new Metadata(), on: () => call },
    },
    ...{ sink, core: core as unknown as GatewayCore, encoder: {}, onEnd: () => (ends += 1) },
  } as unknown as GrpcCallOptions);

  call.close('draining');
  call.close('draining');

  expect(told).toEqual([fault]);
  expect(removed).toEqual([call]);
  expect(isDetached).toBe(true);
  expect(ends).toBe(1);
});

import { expect, it } from '@jest/globals';
import { createManifest, defineModel, z } from '@stepcast/models';
import { eventEncoder } from './event-encoder.js';
import { createGrpcApi } from './grpc-api.js';

it('writes what a model logs as UTF-8, also half of a surrogate pair', () => {
  const echo = defineModel({
    ...{ name: 'echo', description: 'Echoes.', input: z.object({}), output: z.object({}) },
    events: { step: { schema: z.string() } },
    run: () => ({}),
  });
  const api = createGrpcApi([createManifest(echo)]);
  const [model] = api.models;
  if (model === undefined) throw new Error('it is not served');
  const data = { level: 'info', message: 'a\ud800b' };

  const [bytes = new Uint8Array()] = eventEncoder(api, model).event({
    ...{ job: 'j', seq: 3, attempt: 1, type: 'log', at: 0, data },
  });

  expect(api.decode('EchoEvent', bytes)['log']).toEqual({ level: 'info', message: 'a\ufffdb' });
});

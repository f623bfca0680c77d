import * as wsModule from 'ws';
import { describe, expect, it } from '@jest/globals';
import { encodeTextFrame, wsEncoder } from './ws-encoder.js';

/** Exported by `ws`, but not in its types. */
interface FrameReceiver {
  on(event: 'message', listener: (data: Buffer) => void): void;
  write(bytes: Uint8Array): void;
}
const { Receiver } = wsModule as unknown as {
  Receiver: new (options: { isServer: boolean }) => FrameReceiver;
};

/** Reads frames with the receiver of a library that we did not write. */
function receive(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  const receiver = new Receiver({ isServer: false });
  receiver.on('message', (data) => texts.push(data.toString()));
  receiver.write(bytes);
  return texts;
}

const entry = (seq: number) => ({ seq, type: 'step', json: `{"job":"j","seq":${seq}}` });

describe('WebSocket frames', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])(
    'carry a text of %i bytes',
    async (length) => {
      const text = 'x'.repeat(length);
      const texts = receive(encodeTextFrame(text));
      await new Promise((resolve) => setImmediate(resolve));

      expect(texts).toEqual([text]);
    },
  );

  it('count bytes, not characters', async () => {
    const texts = receive(encodeTextFrame('ü🙂'.repeat(40)));
    await new Promise((resolve) => setImmediate(resolve));

    expect(texts).toEqual(['ü🙂'.repeat(40)]);
  });

  it('hold one message each, several in one chunk', async () => {
    const texts = receive(wsEncoder.events('e', [entry(1), entry(2), entry(3)]));
    await new Promise((resolve) => setImmediate(resolve));

    expect(texts).toEqual([1, 2, 3].map((seq) => `{"op":"event","job":"j","seq":${seq}}`));
  });
});

import { describe, expect, it } from '@jest/globals';
import { createRandom } from '@stepcast/models';
import { generate, makeRoom, type Ending, type WrittenPiece } from './generate.js';
import { TextStream, type HeldBack } from './text-stream.js';

const END = 0;
const WORDS = ['', 'The', ' end', '.', ' More'];

/** A network that goes on with a script whatever it reads, and notes what it read. */
function scripted(script: readonly number[]) {
  const reads: number[][] = [];
  const read = (tokens: readonly number[]): Promise<Float32Array> => {
    const next = script[reads.length] ?? END;
    reads.push([...tokens]);
    return Promise.resolve(Float32Array.from(WORDS, (_, token) => (token === next ? 1 : 0)));
  };
  return { reads, read };
}

async function write(
  script: readonly number[],
  {
    maxTokens = 10,
    stop = [] as string[],
    written = [] as number[],
    heldBack = { pending: [] as number[], held: '' },
  } = {},
) {
  const { reads, read } = scripted(script);
  const decode = (tokens: readonly number[]) => tokens.map((token) => WORDS[token]).join('');
  const stream = new TextStream(decode, stop, heldBack);
  const sampling = { temperature: 0, topK: 0, topP: 1 };
  const random = createRandom(1);
  const writing = generate(read, stream, {
    prompt: [END, 4],
    maxTokens,
    sampling,
    random,
    endToken: END,
    written,
  });
  const pieces: WrittenPiece[] = [];
  const saved: { written: number[]; heldBack: HeldBack }[] = [];
  let step: IteratorResult<WrittenPiece, Ending> = await writing.next();
  for (; step.done !== true; step = await writing.next()) {
    pieces.push(step.value);
    saved.push({ written: [...written], heldBack: stream.save() });
  }
  return { reads, pieces, saved, ending: step.value };
}

describe('generate', () => {
  it('reads the prompt at once and then one token at a time', async () => {
    const { reads, pieces, ending } = await write([1, 2, 3]);

    expect(reads).toEqual([[END, 4], [1], [2], [3]]);
    expect(pieces.map(({ text }) => text)).toEqual(['The', ' end', '.']);
    expect(ending).toEqual({ tokens: 3, finishReason: 'end' });
  });

  it('ends at maxTokens and reads nothing in vain', async () => {
    const { reads, ending } = await write([1, 2, 3], { maxTokens: 2 });

    expect(ending).toEqual({ tokens: 2, finishReason: 'length' });
    expect(reads).toHaveLength(2);
  });

  it('ends before a stop string that spans two tokens', async () => {
    const { pieces, ending } = await write([1, 2, 3, 4], { stop: ['end.'] });

    expect(pieces).toEqual([
      { index: 0, text: 'Th', isLast: false },
      { index: 1, text: 'e ', isLast: false },
    ]);
    expect(ending).toEqual({ tokens: 3, finishReason: 'stop' });
  });

  it('says which piece is the last, because nothing can go on behind it', async () => {
    const stopped = await write([1, 2, 3], { stop: ['en'] });
    const heldBack = await write([1, 2], { stop: ['end.'] });

    expect(stopped.pieces.map(({ isLast }) => isLast)).toEqual([false, true]);
    expect(heldBack.pieces.map(({ isLast }) => isLast)).toEqual([false, false, true]);
  });

  it('gives what was held back for a stop string that did not come', async () => {
    const { pieces, ending } = await write([1, 2], { stop: ['end.'] });

    expect(pieces.map(({ text }) => text).join('')).toBe('The end');
    expect(ending).toEqual({ tokens: 2, finishReason: 'end' });
  });

  it('goes on behind any piece as if it had never stopped, and reads as it did before', async () => {
    const script = [1, 2, 3, 4, 2, 3];
    const stop = ['end. X'];
    const whole = await write(script, { stop });

    for (const [index, { written, heldBack }] of whole.saved.entries()) {
      if (whole.pieces[index]?.isLast) continue;
      const rest = await write(script, {
        stop,
        written: [...written],
        heldBack,
      });

      expect(rest.reads).toEqual(whole.reads);
      expect(rest.pieces).toEqual(whole.pieces.slice(index + 1));
      expect(rest.ending).toEqual(whole.ending);
    }
    expect(whole.saved.length).toBeGreaterThan(2);
  });

  it('may write nothing at all', async () => {
    expect(await write([END])).toMatchObject({
      pieces: [],
      ending: { tokens: 0, finishReason: 'end' },
    });
  });
});

describe('makeRoom', () => {
  const prompt = Array.from({ length: 30 }, (_, index) => index);

  it('leaves a prompt alone that fits with all that is wished for', () => {
    expect(makeRoom(prompt, 20, 64)).toEqual({ prompt, maxTokens: 20 });
  });

  it('bounds the tokens by what the prompt leaves of the context', () => {
    expect(makeRoom(prompt, 1000, 64)).toEqual({ prompt, maxTokens: 33 });
  });

  it('cuts the beginning of a prompt that is too long', () => {
    expect(makeRoom(prompt, 5, 21)).toEqual({ prompt: prompt.slice(15), maxTokens: 5 });
    expect(makeRoom(prompt, 1000, 21)).toEqual({ prompt: prompt.slice(20), maxTokens: 10 });
  });
});

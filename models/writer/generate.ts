import { sampleToken, type Random, type SamplingOptions } from '@stepcast/models';
import type { TextStream } from './text-stream.js';

/** What is to be written after a prompt. */
export interface Wish {
  /** Tokens of the prompt; the first is the one that begins every text. */
  readonly prompt: readonly number[];
  /** At most so many tokens; the context must hold the prompt and them. */
  readonly maxTokens: number;
  readonly sampling: SamplingOptions;
  readonly random: Random;
  /** The token that ends a text. */
  readonly endToken: number;
  /** What was written before: it is read, not written again. New tokens are added to it. */
  readonly written?: number[];
}

/** Text that became certain, and the index (from 0) of the token that made it so. */
export interface WrittenPiece {
  readonly index: number;
  readonly text: string;
  /** Nothing follows: what was held back, or what stands before a stop string. */
  readonly isLast: boolean;
}

export interface Ending {
  /** How many tokens were written. */
  readonly tokens: number;
  /** A stop string came, `maxTokens` were written, or the network ended the text. */
  readonly finishReason: 'stop' | 'length' | 'end';
}

/**
 * Writes what follows a prompt, token by token. Between two pieces `written`, `random` and the state of
 * the stream are all that the rest depends on.
 *
 * What was written before is read token by token, as it was the first time, in a millisecond each: read at
 * once the same tokens give logits that differ by 1e-5, and so, once in some hundred texts, another token.
 *
 * @param read - reads further tokens and gives the logits after the last of them
 */
export async function* generate(
  read: (tokens: readonly number[]) => Promise<Float32Array>,
  stream: TextStream,
  wish: Wish,
): AsyncGenerator<WrittenPiece, Ending, undefined> {
  const { written = [] } = wish;
  let unread = await reread(read, wish.prompt, written);
  let finishReason: Ending['finishReason'] = 'length';
  while (written.length < wish.maxTokens) {
    const token = sampleToken(await read(unread), wish.sampling, wish.random);
    if (token === wish.endToken) {
      finishReason = 'end';
      break;
    }
    written.push(token);
    const { text, isStopped } = stream.push(token);
    if (text !== '') yield { index: written.length - 1, text, isLast: isStopped };
    if (isStopped) return { tokens: written.length, finishReason: 'stop' };
    unread = [token];
  }
  const tokens = written.length;
  const rest = stream.end();
  if (rest.text !== '') yield { index: Math.max(tokens - 1, 0), text: rest.text, isLast: true };
  return { tokens, finishReason: rest.isStopped ? 'stop' : finishReason };
}

/** Reads the prompt and all that was written but the last token, which is left to be read. */
async function reread(
  read: (tokens: readonly number[]) => Promise<Float32Array>,
  prompt: readonly number[],
  written: readonly number[],
): Promise<readonly number[]> {
  let unread = prompt;
  for (const token of written) {
    await read(unread);
    unread = [token];
  }
  return unread;
}

/** How a prompt and the text to be written share the context. */
export interface Room {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
}

/**
 * Fits a prompt and the tokens wished for into the context. A prompt that leaves too little room loses
 * its beginning, but never more than is needed to write half a context; then `maxTokens` is lowered.
 * One place is kept for the token that begins every text.
 */
export function makeRoom(prompt: readonly number[], maxTokens: number, context: number): Room {
  const available = context - 1;
  const promised = Math.min(maxTokens, Math.floor(available / 2));
  const kept = prompt.slice(Math.max(prompt.length - (available - promised), 0));
  return { prompt: kept, maxTokens: Math.min(maxTokens, available - kept.length) };
}

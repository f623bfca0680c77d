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
}

/** Text that became certain, and the index (from 0) of the token that made it so. */
export interface WrittenPiece {
  readonly index: number;
  readonly text: string;
}

export interface Ending {
  /** How many tokens were written. */
  readonly tokens: number;
  /** A stop string came, `maxTokens` were written, or the network ended the text. */
  readonly finishReason: 'stop' | 'length' | 'end';
}

/**
 * Writes what follows a prompt, token by token.
 *
 * @param read - reads further tokens and gives the logits after the last of them
 */
export async function* generate(
  read: (tokens: readonly number[]) => Promise<Float32Array>,
  stream: TextStream,
  wish: Wish,
): AsyncGenerator<WrittenPiece, Ending, undefined> {
  let unread = wish.prompt;
  let tokens = 0;
  let finishReason: Ending['finishReason'] = 'length';
  while (tokens < wish.maxTokens) {
    const token = sampleToken(await read(unread), wish.sampling, wish.random);
    if (token === wish.endToken) {
      finishReason = 'end';
      break;
    }
    tokens++;
    const { text, isStopped } = stream.push(token);
    if (text !== '') yield { index: tokens - 1, text };
    if (isStopped) return { tokens, finishReason: 'stop' };
    unread = [token];
  }
  const rest = stream.end();
  if (rest.text !== '') yield { index: Math.max(tokens - 1, 0), text: rest.text };
  return { tokens, finishReason: rest.isStopped ? 'stop' : finishReason };
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

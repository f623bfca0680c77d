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
 * Writes what follows a prompt, token by token, without asking who runs the network. Between two tokens
 * `written`, `random` and the state of the stream are all that the rest depends on.
 *
 * What was written before is read token by token, as it was the first time, in a millisecond each: read at
 * once the same tokens give logits that differ by 1e-5, and so, once in some hundred texts, another token.
 */
export class Writing {
  /** Where it ended, once it has. */
  ending: Ending | undefined;
  readonly written: number[];
  /** How many of `written` the network has read; -1 before the prompt. */
  #read = -1;

  constructor(
    private readonly stream: TextStream,
    private readonly wish: Wish,
  ) {
    this.written = wish.written ?? [];
  }

  /** What the network has to read now: the prompt, and then one token at a time. */
  get unread(): readonly number[] {
    return this.#read < 0 ? this.wish.prompt : this.written.slice(this.#read, this.#read + 1);
  }

  /**
   * Chooses the next token, unless it is known already.
   * @param logits - what the network gave after the last of {@link unread}
   */
  take(logits: Float32Array): WrittenPiece[] {
    const { written, stream, wish } = this;
    this.#read++;
    if (this.#read < written.length) return [];
    if (written.length >= wish.maxTokens) return this.#end('length');
    const token = sampleToken(logits, wish.sampling, wish.random);
    if (token === wish.endToken) return this.#end('end');
    written.push(token);
    const { text, isStopped: isLast } = stream.push(token);
    if (isLast) this.ending = { tokens: written.length, finishReason: 'stop' };
    const pieces = text === '' ? [] : [{ index: written.length - 1, text, isLast }];
    const isFull = written.length === wish.maxTokens && !isLast;
    return isFull ? [...pieces, ...this.#end('length')] : pieces;
  }

  #end(finishReason: Ending['finishReason']): WrittenPiece[] {
    const tokens = this.written.length;
    const { text, isStopped } = this.stream.end();
    this.ending = { tokens, finishReason: isStopped ? 'stop' : finishReason };
    return text === '' ? [] : [{ index: Math.max(tokens - 1, 0), text, isLast: true }];
  }
}

/**
 * Writes one text by itself.
 * @param read - reads further tokens and gives the logits after the last of them
 */
export async function* generate(
  read: (tokens: readonly number[]) => Promise<Float32Array>,
  stream: TextStream,
  wish: Wish,
): AsyncGenerator<WrittenPiece, Ending, undefined> {
  const writing = new Writing(stream, wish);
  while (writing.ending === undefined) yield* writing.take(await read(writing.unread));
  return writing.ending;
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

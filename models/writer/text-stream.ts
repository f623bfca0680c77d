/** What a `TextStream` gives for one more token. */
export interface Piece {
  /** Text that is certain now; often one word, sometimes nothing. */
  text: string;
  /** Whether a stop string has come; it and all after it are not part of the text. */
  isStopped: boolean;
}

/** What a `TextStream` holds back between two tokens. */
export interface HeldBack {
  /** Tokens whose bytes do not end with a whole character yet. */
  readonly pending: number[];
  /** Decoded text that may be the beginning of a stop string. */
  readonly held: string;
}

/**
 * Turns tokens into text while they come. The pieces, joined, are exactly the final text:
 * - bytes of a character that is not complete yet are held back (a token may be part of an emoji);
 * - text that may be the beginning of a stop string is held back until that is decided.
 */
export class TextStream {
  private pending: number[];
  private held: string;

  constructor(
    /** Must be a plain concatenation: decode([a, b]) is decode([a]) and decode([b]) in bytes. */
    private readonly decode: (tokens: number[]) => string,
    private readonly stops: readonly string[],
    heldBack: HeldBack = { pending: [], held: '' },
  ) {
    this.pending = [...heldBack.pending];
    this.held = heldBack.held;
  }

  /** For a stream that goes on from here. */
  save(): HeldBack {
    return { pending: [...this.pending], held: this.held };
  }

  push(token: number): Piece {
    this.pending.push(token);
    const text = this.decode(this.pending);
    if (text.endsWith('\uFFFD')) return { text: '', isStopped: false };
    this.pending = [];
    return this.release(text);
  }

  /** Gives what is still held when no more tokens come. */
  end(): Piece {
    const unfinished = this.pending.length === 0 ? '' : this.decode(this.pending);
    this.pending = [];
    const { text, isStopped } = this.release(unfinished);
    const rest = this.held;
    this.held = '';
    return { text: text + rest, isStopped };
  }

  private release(text: string): Piece {
    const all = this.held + text;
    const found = this.stops.map((stop) => all.indexOf(stop)).filter((at) => at !== -1);
    if (found.length > 0) {
      this.held = '';
      return { text: all.slice(0, Math.min(...found)), isStopped: true };
    }
    const keep = Math.max(0, ...this.stops.map((stop) => overlap(all, stop)));
    this.held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), isStopped: false };
  }
}

/** How many characters at the end of `text` are the beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}

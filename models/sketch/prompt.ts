import { z } from '@stepcast/models';

/** `vocabulary.json`: the words that the network was taught; synonyms share one id. */
export const vocabularySchema = z.object({
  /** How many ids the network reads; shorter prompts are padded with id 0. */
  length: z.int().positive(),
  ids: z.record(z.string(), z.int().positive()),
  /** Words without a meaning here ("a", "please"), passed over in silence. */
  ignored: z.array(z.string()),
});

export type Vocabulary = z.infer<typeof vocabularySchema>;

export interface ParsedPrompt {
  /** Exactly `vocabulary.length` ids. */
  tokens: number[];
  /** Words that mean nothing to the network, in lower case, each once, in their order. */
  unknown: string[];
}

/** Reads a prompt as the network will. Known words beyond `vocabulary.length` are cut off. */
export function parsePrompt(prompt: string, vocabulary: Vocabulary): ParsedPrompt {
  const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const ignored = new Set(vocabulary.ignored);
  const tokens: number[] = [];
  const unknown = new Set<string>();
  for (const word of words) {
    // A prompt may say "constructor", so inherited properties must not count.
    const id = Object.hasOwn(vocabulary.ids, word) ? vocabulary.ids[word] : undefined;
    if (id !== undefined) tokens.push(id);
    else if (!ignored.has(word)) unknown.add(word);
  }
  const padding = new Array<number>(vocabulary.length).fill(0);
  return { tokens: [...tokens, ...padding].slice(0, vocabulary.length), unknown: [...unknown] };
}

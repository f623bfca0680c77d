import { z } from '@stepcast/models';

/** What writer uses of a tokenizer. */
export interface TextTokenizer {
  encode(text: string): { ids: number[] };
  /** Throws when there are no tokens. */
  decode(tokens: number[]): string;
}

/**
 * What is used of `@huggingface/tokenizers`. Its own types do not resolve under NodeNext, because they
 * import each other without file endings.
 */
interface TokenizersModule {
  Tokenizer: new (tokenizer: object, config: object) => TextTokenizer;
}

/** Makes a tokenizer of the content of `tokenizer.json`. The library is loaded by the first call. */
export async function createTokenizer(json: unknown): Promise<TextTokenizer> {
  const module: TokenizersModule = await import('@huggingface/tokenizers');
  // Without the clean-up, the text of tokens one by one is the text of all tokens.
  return new module.Tokenizer(z.looseObject({}).parse(json), {
    clean_up_tokenization_spaces: false,
  });
}

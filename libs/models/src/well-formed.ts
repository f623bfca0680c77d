/** Its half of a pair alone has no UTF-8, and throws in encodeURI. */
const LONE_SURROGATE = /\p{Surrogate}/gu;

/** The text with U+FFFD in place of every half of a surrogate pair that stands alone. */
export function toWellFormed(text: string): string {
  return text.replace(LONE_SURROGATE, '\uFFFD');
}

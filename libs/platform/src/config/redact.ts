/** What stands for a value that must not be printed. */
export const REDACTED = '[redacted]';

/** A value as it may be printed: secrets not at all, URLs without their credentials. */
export function redact(value: unknown, secret: boolean): unknown {
  if (typeof value === 'string') return redactText(value, secret);
  return secret && value !== undefined ? REDACTED : value;
}

/** The same for text. */
export function redactText(text: string, secret: boolean): string {
  if (secret) return REDACTED;
  // Everything between `//` and the last `@` before the path is user and password, whether or not
  // the rest is a valid URL: a mistyped one must not print its password either.
  return text.replace(/(\/\/)[^/\s]*@/g, `$1${REDACTED}@`);
}

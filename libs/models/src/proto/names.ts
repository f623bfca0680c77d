/** The words of a name: `maxTokens`, `max-tokens` and `MAX_TOKENS` are all `max` and `tokens`. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
}

/** `maxTokens` → `max_tokens`; a name that begins with a digit, or has no letter, is led by `f`. */
export function toFieldName(key: string): string {
  const name = wordsOf(key).join('_').toLowerCase();
  return /^[a-z]/.test(name) ? name : `f${name === '' ? '' : `_${name}`}`;
}

/** `finishReason` → `FinishReason`. */
export function toTypeName(key: string): string {
  const name = wordsOf(key)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
    .join('');
  return /^[A-Z]/.test(name) ? name : `F${name}`;
}

/** `too long` → `TOO_LONG`, to stand behind {@link toConstantPrefix}; '' when it has no letter and no digit. */
export function toConstantName(text: string): string {
  return wordsOf(text).join('_').toUpperCase();
}

/** What the constants of an enum begin with: `finishReason` → `FINISH_REASON`, `2d` → `F_2D`. */
export function toConstantPrefix(key: string): string {
  return toFieldName(key).toUpperCase();
}

/** The message that the language makes for a map field: `tags_2` → `Tags2Entry`. */
export function toMapEntryName(fieldName: string): string {
  const name = `_${fieldName}`.replaceAll(/_+(.)?/g, (_match, next: string | undefined) =>
    (next ?? '').toUpperCase(),
  );
  return `${name}Entry`;
}

/** What JSON of protobuf calls a field: `max_tokens` → `maxTokens`. */
export function toJsonName(fieldName: string): string {
  return fieldName.replaceAll(/_+(.)?/g, (_match, next: string | undefined) =>
    (next ?? '').toUpperCase(),
  );
}

/** The name of a model in methods and messages: `sketch-xl` → `SketchXl`, `sketch@2` → `SketchV2`. */
export function toModelTitle(servedName: string): string {
  const [name = '', version] = servedName.split('@');
  const title = name
    .split(/[-_]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  const letters = /^[A-Z]/.test(title) ? title : `M${title}`;
  return version === undefined
    ? letters
    : `${letters}V${version.replaceAll(/[^A-Za-z0-9]+/g, '_')}`;
}

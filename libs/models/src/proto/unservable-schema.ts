/** A schema that proto3 cannot express: where, why, and what to write instead. */
export class UnservableSchema extends Error {
  /** Names from the root of the schema, joined by dots. */
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.name = 'UnservableSchema';
    this.path = path;
  }
}

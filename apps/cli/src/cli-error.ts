/** What a command ends with. */
export const EXIT = {
  ok: 0,
  /** The job failed, or the doctor misses something. */
  failed: 1,
  /** The command could not do its work: wrong arguments, no hub, a bad file. */
  unusable: 2,
  /** As shells report an end by Ctrl-C. */
  cancelled: 130,
} as const;

/** An end that its reader can act on: one line that says what is wrong and what to do. */
export class CliError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
  }
}

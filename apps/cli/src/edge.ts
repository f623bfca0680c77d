import type { Readable, Writable } from 'node:stream';

/** A stream that a person may sit behind. */
export type Screen = Writable & { readonly isTTY?: boolean };

/** What a command has of its process, so that none of them reads the environment or ends it. */
export interface Edge {
  /** Of Stepcast. */
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that the command was typed in; what the user names by a relative path counts from it. */
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Screen;
  readonly stderr: Screen;
  /**
   * Aborts when the user, or who reads the output, wants the command to end; a second wish ends the
   * process. Commands that do not ask end at once.
   */
  interrupted(): AbortSignal;
}

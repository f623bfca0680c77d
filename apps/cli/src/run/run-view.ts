import type { JobEvent } from '@stepcast/protocol';
import type { StreamLine } from './job-stream.js';

/** Shows a run as it goes. */
export interface RunView {
  /** Resolves when the next line is welcome. */
  line(line: StreamLine): Promise<void> | void;
  /** Something that is not of the job, such as a connection that broke. */
  note(text: string): void;
  /** Behind the last line. */
  end(end: JobEvent): void;
  /** Always called last, also when the run broke off. */
  close(): void;
}

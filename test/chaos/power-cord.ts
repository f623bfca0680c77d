// What a power cut takes of a Redis with `appendfsync everysec`: the writes of the last second or so.
// A killed process alone loses nothing, because the kernel has what was written.
import { readdir, stat, truncate } from 'node:fs/promises';
import path from 'node:path';

interface Size {
  readonly at: number;
  readonly file: string;
  readonly bytes: number;
}

const SAMPLE_MS = 50;
const KEEP_MS = 2_000;

export class PowerCord {
  readonly #folder: string;
  readonly #timer: NodeJS.Timeout;
  #sizes: Size[] = [];

  /** @param dataDir of the server */
  constructor(dataDir: string) {
    this.#folder = path.join(dataDir, 'appendonlydir');
    this.#timer = setInterval(() => {
      this.#sample().catch(() => undefined);
    }, SAMPLE_MS);
    this.#timer.unref();
  }

  /** Cuts the file of a server that has ended back to what it held so long ago. */
  async lose(lostMs: number): Promise<string> {
    const file = await this.#file();
    const before = Date.now() - lostMs;
    const size = this.#sizes.filter((known) => known.file === file && known.at <= before).at(-1);
    if (size === undefined) return 'nothing';
    const { size: bytes } = await stat(path.join(this.#folder, file));
    await truncate(path.join(this.#folder, file), Math.min(bytes, size.bytes));
    return `${Math.max(0, bytes - size.bytes)} bytes`;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #sample(): Promise<void> {
    const file = await this.#file();
    const { size } = await stat(path.join(this.#folder, file));
    const at = Date.now();
    this.#sizes = this.#sizes.filter((known) => at - known.at < KEEP_MS);
    this.#sizes.push({ at, file, bytes: size });
  }

  async #file(): Promise<string> {
    const files = (await readdir(this.#folder)).filter((name) => name.endsWith('.incr.aof'));
    return files.sort().at(-1) ?? '';
  }
}

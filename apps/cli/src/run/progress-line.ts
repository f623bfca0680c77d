import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Screen } from '../edge.js';

/** A bar that comes with the first step and stays in its line, with other lines above it. */
export class ProgressLine {
  readonly #screen: Screen;
  #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;
  /** Lines wait for the next redraw. */
  #isBehind = false;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  get isShown(): boolean {
    return this.#bar !== undefined;
  }

  update(step: number, of: number, info: string): void {
    if (this.#bar === undefined) {
      this.#bars = this.#open();
      this.#bar = this.#bars.create(of, step, { info });
      return;
    }
    this.#bar.setTotal(of);
    this.#bar.update(step, { info });
  }

  /** Whole lines above the bar. */
  log(lines: string): void {
    if (this.#bars === undefined) {
      this.#screen.write(lines);
      return;
    }
    this.#bars.log(lines);
    this.#isBehind = true;
  }

  stop(): void {
    if (this.#bars === undefined) return;
    // `stop` alone would lose lines that wait for the next redraw.
    if (this.#isBehind) this.#bars.update();
    this.#bars.stop();
    this.#bars = undefined;
    this.#bar = undefined;
  }

  #open(): MultiBar {
    const options = {
      format: '{bar} {value}/{total} {info}',
      stream: this.#screen,
      // Where no terminal is, by --progress alone, each redraw is a line.
      noTTYOutput: true,
      // A line above the bar wipes it, so that in a terminal it is drawn again even if it stands still.
      forceRedraw: this.#screen.isTTY === true,
      hideCursor: true,
      autopadding: true,
      barsize: 30,
      // Ctrl-C is ours: it cancels the job, whose end is still shown.
      gracefulExit: false,
    };
    return new MultiBar(options, Presets.shades_classic);
  }
}

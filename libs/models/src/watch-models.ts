import path from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import { loadRegistry } from './load-registry.js';
import { isForeign } from './model-folder.js';
import type { ModelRegistry, RegistryChange } from './registry.js';

export interface WatchOptions {
  /** The directory of all model folders. */
  readonly directory: string;
  /** Its content is replaced when a file of the directory has changed. */
  readonly registry: ModelRegistry;
  /** Called behind the listeners of the registry, also when no model but a broken folder has changed. */
  readonly onReloaded: (change: RegistryChange) => void;
  /** The models could not be looked for at all; those from before serve on. */
  readonly onError: (error: unknown) => void;
}

export interface ModelsWatch {
  /** Resolves when changes are seen from now on. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/** A file is done when its size has stood still for so long: an editor saves at once, a graph is copied. */
const STABLE_MS = 200;
const POLL_MS = 50;

/** Saving several files, or checking out a branch, is one change. */
const SETTLE_MS = 200;

/** Changes that never settle, such as a log in a folder, are loaded after so long. */
const MAX_SETTLE_MS = 1000;

/**
 * Loads the models anew when one of their files has changed, and puts them into the registry. A folder
 * that has become unusable is listed as broken and serves again when it is mended; what is running goes
 * on as it began.
 */
export function watchModels(options: WatchOptions): ModelsWatch {
  const root = path.resolve(options.directory);
  const watcher = watch([root, ...sourcesOutside(root, options.registry)], {
    ignoreInitial: true,
    ignored: (file) =>
      isInside(root, file) && path.relative(root, file).split(path.sep).some(isForeign),
    awaitWriteFinish: { stabilityThreshold: STABLE_MS, pollInterval: POLL_MS },
  });
  const reloads = new Reloads(options, watcher, root);
  watcher.on('all', () => {
    reloads.schedule();
  });
  watcher.on('error', (error) => {
    options.onError(error);
  });
  const ready = new Promise<void>((resolve) => watcher.once('ready', resolve));
  // What was saved between the load of the registry and now, nobody has seen.
  void ready.then(() => {
    reloads.schedule();
  });
  return {
    ready,
    close: () => reloads.close(),
  };
}

/** Waits until changes have settled, then loads; a change during a load is followed by another one. */
class Reloads {
  readonly #options: WatchOptions;
  readonly #watcher: FSWatcher;
  readonly #root: string;
  #timer: NodeJS.Timeout | undefined;
  /** When the oldest change came that is not loaded yet. */
  #changedAt: number | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: WatchOptions, watcher: FSWatcher, root: string) {
    this.#options = options;
    this.#watcher = watcher;
    this.#root = root;
  }

  schedule(): void {
    clearTimeout(this.#timer);
    if (this.#watcher.closed) return;
    this.#changedAt ??= performance.now();
    const left = this.#changedAt + MAX_SETTLE_MS - performance.now();
    this.#timer = setTimeout(
      () => {
        this.#changedAt = undefined;
        // Never rejects, so that the chain goes on.
        this.#last = this.#last.then(() => (this.#watcher.closed ? undefined : this.#load()));
      },
      Math.max(0, Math.min(SETTLE_MS, left)),
    );
  }

  /** A load that is under way is not waited for: what it finds is dropped. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#watcher.close();
  }

  async #load(): Promise<void> {
    const { directory, registry, onReloaded, onError } = this.#options;
    try {
      const found = await loadRegistry(directory);
      if (this.#watcher.closed) return;
      const change = registry.replace(found);
      this.#watcher.add(sourcesOutside(this.#root, registry));
      onReloaded(change);
    } catch (error) {
      if (!this.#watcher.closed) onError(error);
    }
  }
}

/** Code that models import from elsewhere. */
function sourcesOutside(root: string, registry: ModelRegistry): string[] {
  const sources = registry.entries().flatMap((entry) => entry.sources ?? []);
  return [...new Set(sources)].filter((file) => !isInside(root, file));
}

function isInside(root: string, file: string): boolean {
  const relative = path.relative(root, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

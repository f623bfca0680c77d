import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { reach } from './errors.js';

/** Every script: its name here, and the file, whose name ends in the number of its keys. */
export const SCRIPT_FILES = {
  createJob: 'create-job-5',
  claim: 'claim-5',
  append: 'append-5',
  check: 'check-5',
  requeue: 'requeue-1',
  restore: 'restore-5',
  saveSnapshot: 'save-snapshot-3',
  saveCheckpoint: 'save-checkpoint-2',
  read: 'read-3',
  hold: 'hold-2',
  release: 'release-2',
  cancel: 'cancel-5',
  fail: 'fail-5',
  sweep: 'sweep-5',
  recordDuration: 'record-duration-1',
  probe: 'probe-1',
} as const;

export type ScriptName = keyof typeof SCRIPT_FILES;

type Command = (...args: (string | number)[]) => Promise<unknown>;

/**
 * The Lua scripts on one connection. ioredis sends a script whole once per connection, by its hash from
 * then on, and whole again when Redis does not know the hash (`SCRIPT FLUSH`, restart).
 */
export class Scripts {
  readonly #redis: Redis;
  readonly #onFailed: (error: unknown) => void;

  /** @param onFailed told of every call that fails, before its caller is */
  constructor(redis: Redis, onFailed: (error: unknown) => void = () => undefined) {
    this.#redis = redis;
    this.#onFailed = onFailed;
    for (const [name, file] of Object.entries(SCRIPT_FILES)) {
      redis.defineCommand(commandName(name), {
        lua: loadScript(file),
        numberOfKeys: Number(file.slice(file.lastIndexOf('-') + 1)),
      });
    }
  }

  /**
   * Runs a script.
   * @throws {StepcastError} `unavailable` when Redis cannot be reached in time
   */
  async run(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const command = (this.#redis as unknown as Record<string, Command>)[commandName(name)];
    if (command === undefined) throw new TypeError(`script ${name} is not defined`);
    try {
      return await reach(command.call(this.#redis, ...keys, ...args));
    } catch (error) {
      this.#onFailed(error);
      throw error;
    }
  }
}

/** A name that is no command of Redis: `append` is one. */
function commandName(name: string): string {
  return `stepcast:${name}`;
}

const INCLUDE = /^-- @include (\w+)$/gm;

/** Reads a script and puts each `-- @include name` file in the place of its line. */
export function loadScript(file: string): string {
  return read(`${file}.lua`).replace(INCLUDE, (_line, name: string) =>
    read(`includes/${name}.lua`),
  );
}

function read(path: string): string {
  return readFileSync(new URL(`../lua/${path}`, import.meta.url), 'utf8');
}

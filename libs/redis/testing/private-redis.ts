import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitFor } from '../../hub/testing/wait-for.js';

/** A Redis of one test alone, which it may stop, starve and restart empty. Needs `redis-server`. */
export class PrivateRedis {
  readonly #directory: string;
  #child: ChildProcess | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(): Promise<PrivateRedis> {
    const redis = new PrivateRedis(await mkdtemp(path.join(tmpdir(), 'stepcast-redis-')));
    await redis.start();
    return redis;
  }

  /** Path of its socket, which ioredis takes in place of a URL. */
  get url(): string {
    return path.join(this.#directory, 'redis.sock');
  }

  async start(): Promise<void> {
    const options = ['--port', '0', '--unixsocket', this.url, '--dir', this.#directory];
    const memory = ['--save', '', '--appendonly', 'no', '--enable-debug-command', 'yes'];
    this.#child = spawn('redis-server', [...options, ...memory], { stdio: 'ignore' });
    await once(this.#child, 'spawn');
    await waitFor(() => existsSync(this.url), 'the socket of redis-server');
  }

  /** As a crash: nothing is saved, nobody is told. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    await rm(this.url, { force: true });
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

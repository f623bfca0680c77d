// A folder of models as a user has one: outside this repository, with no package beside it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const folders = new Set<string>();

export interface UserModels {
  /** For `MODELS_DIR`. */
  readonly directory: string;
  write(file: string, content: string | Uint8Array): Promise<void>;
  remove(file: string): Promise<void>;
}

/** Ends with {@link removeUserModels}. */
export async function createUserModels(): Promise<UserModels> {
  const directory = await mkdtemp(path.join(tmpdir(), 'stepcast-user-'));
  folders.add(directory);
  return {
    directory,
    write: async (file, content) => {
      const place = path.join(directory, file);
      await mkdir(path.dirname(place), { recursive: true });
      await writeFile(place, content);
    },
    remove: (file) => rm(path.join(directory, file), { recursive: true }),
  };
}

export async function removeUserModels(): Promise<void> {
  await Promise.all([...folders].map((folder) => rm(folder, { recursive: true, force: true })));
  folders.clear();
}

/** Ten lines of a user: says each word, and how many there were. */
export function shoutModel({ mark = '!', version = '1' } = {}): string {
  return `import { defineModel, z } from '@stepcast/models';
export default defineModel({
  name: 'shout', description: 'Says each word loudly.', version: '${version}',
  input: z.object({ text: z.string() }),
  events: { word: { schema: z.string(), fold: 'append' } },
  output: z.object({ words: z.int() }),
  async *run({ text }, ctx) {
    const words = text.split(' ');
    for (const word of words) yield ctx.event('word', word.toUpperCase() + '${mark}');
    return { words: words.length };
  },
});
`;
}

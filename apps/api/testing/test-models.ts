import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ECHO = `
import { defineModel, z } from '@stepcast/models';
export default defineModel({
  name: 'echo',
  description: 'Says what it was told.',
  examples: [{ text: 'hello' }],
  input: z.object({ text: z.string() }),
  output: z.object({ text: z.string() }),
  run: (input) => ({ text: input.text }),
});
`;

/** A folder of models: one that works and one that does not. */
export async function writeTestModels() {
  const directory = await mkdtemp(path.join(tmpdir(), 'stepcast-models-'));
  await mkdir(path.join(directory, 'echo'));
  await mkdir(path.join(directory, 'bad'));
  await writeFile(path.join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(path.join(directory, 'echo', 'model.js'), ECHO);
  await writeFile(path.join(directory, 'bad', 'model.js'), 'export default 5;');
  return { directory, remove: () => rm(directory, { recursive: true }) };
}

/** Waits for something that another part of the system does in its own time. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error('did not happen within 8 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

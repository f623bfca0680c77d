/** The files of a new model: it runs as it stands, and shows where one's own work goes. */
export function modelFiles(name: string): Readonly<Record<string, string>> {
  return {
    'model.ts': `import { defineModel, z } from '@stepcast/models';

export default defineModel({
  name: '${name}',
  description: 'Says your words, one by one.',
  examples: [{ text: 'one two three' }],
  input: z.object({ text: z.string().max(500).describe('What is said') }),
  events: { word: { schema: z.object({ step: z.int(), of: z.int(), word: z.string() }) } },
  output: z.object({ words: z.int() }),
  async *run({ text }, ctx) {
    const words = text.split(' ');
    for (const [index, word] of words.entries()) {
      yield ctx.event('word', { step: index + 1, of: words.length, word });
    }
    return { words: words.length };
  },
});
`,
    'model.test.mjs': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tryModel } from '@stepcast/models';

test('says each word, then how many there were', async () => {
  const { events, output } = await tryModel(import.meta.dirname, { text: 'one two' });

  assert.deepEqual(events, [
    { type: 'word', data: { step: 1, of: 2, word: 'one' } },
    { type: 'word', data: { step: 2, of: 2, word: 'two' } },
  ]);
  assert.deepEqual(output, { words: 2 });
});

test('refuses a text that is too long', async () => {
  await assert.rejects(tryModel(import.meta.dirname, { text: 'x'.repeat(501) }), /text/);
});
`,
    'README.md': `# ${name}

What it can and cannot do, how it was made, how good it is and how that was measured.

\`\`\`sh
node --test                                      # in this folder: its tests
npx stepcast run ${name} --field text='one two'  # against a running hub
\`\`\`
`,
  };
}

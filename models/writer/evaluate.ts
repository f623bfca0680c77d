/**
 * Measures how well writer knows its language: the perplexity on held-out stories beside that of the
 * grammar itself, which nothing can beat, and the speed of writing.
 *
 *     npx tsx models/writer/evaluate.ts [folder of the model]
 *
 * Ends with exit code 1 when the perplexity is more than MAX_EXCESS above the grammar's.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom, z } from '@stepcast/models';
import { InferenceSession } from 'onnxruntime-node';
import { generate } from './generate.js';
import { configSchema, Reader } from './reader.js';
import { TextStream } from './text-stream.js';
import { createTokenizer } from './tokenizer.js';

const MAX_EXCESS = 0.05;

const storiesSchema = z.array(z.object({ text: z.string(), logProbability: z.number() }));

const [folder = 'models/writer'] = process.argv.slice(2);
const readJson = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(join(folder, file), 'utf8'));

const session = await InferenceSession.create(join(folder, 'model.onnx'));
const config = configSchema.parse(await readJson('config.json'));
const reader = new Reader(session, config);
const tokenizer = await createTokenizer(await readJson('tokenizer.json'));

const stories = storiesSchema.parse(await readJson('heldout.json'));
const totals = { tokens: 0, network: 0, grammar: 0, stories: 0 };
for (const { text, logProbability } of stories) {
  const ids = tokenizer.encode(text).ids;
  if (ids.length >= config.context) continue;
  const logits = await reader.readAlone(reader.begin(), [config.endToken, ...ids]);
  [...ids, config.endToken].forEach((token, index) => {
    totals.network -= logProbabilityOf(token, logits[index] ?? new Float32Array());
  });
  totals.tokens += ids.length + 1;
  totals.grammar -= logProbability;
  totals.stories++;
}
const network = Math.exp(totals.network / totals.tokens);
const grammar = Math.exp(totals.grammar / totals.tokens);
const excess = network / grammar - 1;
console.log(`${totals.stories} held-out stories, ${totals.tokens} tokens`);
console.log(
  `perplexity of the network ${network.toFixed(4)}, of the grammar ${grammar.toFixed(4)}`,
);
console.log(`excess ${(excess * 100).toFixed(2)} %`);

const started = performance.now();
let tokens = 0;
for (let seed = 1; seed <= 5; seed++) {
  const text = reader.begin();
  const written = generate(
    async (unread) => (await reader.readAlone(text, unread)).at(-1) ?? new Float32Array(),
    new TextStream((ids) => tokenizer.decode(ids), []),
    {
      prompt: [config.endToken],
      maxTokens: 256,
      sampling: { temperature: 0.8, topK: 0, topP: 1 },
      random: createRandom(seed),
      endToken: config.endToken,
    },
  );
  let story = '';
  let step = await written.next();
  for (; step.done !== true; step = await written.next()) story += step.value.text;
  tokens += step.value.tokens;
  console.log(`\nseed ${seed}, ${step.value.finishReason}: ${story}`);
}
const seconds = (performance.now() - started) / 1000;
console.log(`\n${(tokens / seconds).toFixed(0)} tokens/s`);
if (excess > MAX_EXCESS) process.exitCode = 1;

function logProbabilityOf(token: number, logits: Float32Array): number {
  const greatest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - greatest), 0);
  return (logits[token] ?? -Infinity) - greatest - Math.log(total);
}

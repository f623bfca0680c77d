// Runs a graph of one multiplication on one execution provider, or without an argument names those there are.
// Prints one line; exits with 1 when that was not possible.
import { Buffer } from 'node:buffer';

/** ONNX: y = x · x for a float[2], opset 13. */
const GRAPH = Buffer.from(
  'CAg6NQoOCgF4CgF4EgF5IgNNdWwSAWdaDwoBeBIKCggIARIECgIIAmIPCgF5EgoKCAgBEgQKAggCQgIQDQ==',
  'base64',
);

try {
  const [provider] = process.argv.slice(2);
  say(provider === undefined ? await describeLibrary() : await runOn(provider));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function say(text: string): void {
  process.stdout.write(`${text.split('\n', 1)[0] ?? ''}\n`);
}

async function describeLibrary(): Promise<string> {
  const { env, listSupportedBackends } = await import('onnxruntime-node');
  const providers = listSupportedBackends().map(({ name }) => name);
  return JSON.stringify({ version: env.versions.node, providers });
}

async function runOn(provider: string): Promise<string> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(GRAPH, {
    executionProviders: [provider],
    logSeverityLevel: 4,
  });
  const { y } = await session.run({ x: new Tensor('float32', [3, 4], [2]) });
  const [nine, sixteen] = (y?.data ?? []) as Float32Array;
  if (nine !== 9 || sixteen !== 16) throw new Error(`3² and 4² came out as ${nine} and ${sixteen}`);
  return 'ok';
}

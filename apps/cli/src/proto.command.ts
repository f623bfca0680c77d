import { EXIT } from './cli-error.js';
import type { Edge } from './edge.js';
import { HubClient } from './hub-client.js';
import { modelsDirectory } from './models-directory.js';
import { writeText } from './write-text.js';

export interface ProtoOptions {
  /** A hub to ask, in place of a directory. */
  readonly url?: string;
  readonly models?: string;
  readonly out?: string;
}

/** `stepcast proto`: the gRPC interface of the models of a directory, or of a hub. */
export async function protoCommand(edge: Edge, options: ProtoOptions): Promise<number> {
  const { createProto } = await import('@stepcast/models');
  const { manifests, broken } =
    options.url === undefined
      ? await readDirectory(await modelsDirectory(edge, options.models))
      : await askHub(options.url);
  const { text, unserved } = createProto(manifests);
  for (const { folder, reason } of broken) edge.stderr.write(`left out: ${folder}: ${reason}\n`);
  for (const { model, reason } of unserved) edge.stderr.write(`left out: ${model}: ${reason}\n`);
  await writeText(edge, text, options.out);
  return EXIT.ok;
}

async function askHub(url: string) {
  const { models, broken } = await new HubClient(url).models();
  return { manifests: models, broken };
}

async function readDirectory(directory: string) {
  const { loadRegistry } = await import('@stepcast/models');
  const registry = await loadRegistry(directory);
  return {
    manifests: registry.list().map((model) => registry.manifest(model)),
    broken: registry.broken,
  };
}

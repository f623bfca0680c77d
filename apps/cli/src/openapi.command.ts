import { EXIT } from './cli-error.js';
import type { Edge } from './edge.js';
import { HubClient } from './hub-client.js';
import { writeText } from './write-text.js';

export interface OpenapiOptions {
  readonly url: string;
  readonly out?: string;
}

/** `stepcast openapi`: the OpenAPI document of a running hub. */
export async function openapiCommand(edge: Edge, { url, out }: OpenapiOptions): Promise<number> {
  const document = await new HubClient(url).json<unknown>('/openapi.json');
  await writeText(edge, `${JSON.stringify(document, null, 2)}\n`, out);
  return EXIT.ok;
}

import { painter } from './colour.js';
import { EXIT } from './cli-error.js';
import type { Edge } from './edge.js';
import { HubClient, type ServedModel } from './hub-client.js';
import { formatTable } from './table.js';

export interface ModelsOptions {
  readonly url: string;
  readonly json?: boolean;
}

const HEADER = ['NAME', 'VERSION', 'KIND', 'WORKERS', 'DEVICES', 'QUEUE', 'DESCRIPTION'];

/** `stepcast models`: what a hub serves, and the folders that it could not use. */
export async function modelsCommand(edge: Edge, { url, json }: ModelsOptions): Promise<number> {
  const list = await new HubClient(url).models();
  if (json === true) {
    edge.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
    return EXIT.ok;
  }
  const paint = painter(edge.stdout, edge.env);
  edge.stdout.write(formatTable(HEADER, list.models.map(toRow)));
  if (list.broken.length > 0) edge.stdout.write(`\n${paint('red', 'Could not be used:')}\n`);
  for (const { folder, reason } of list.broken) {
    edge.stdout.write(`  ${paint('bold', folder)}: ${reason}\n`);
  }
  return EXIT.ok;
}

/** Whether it emits events, and how many jobs run together. */
function kindOf({ streams, batch }: ServedModel): string {
  const kind = streams ? 'streams' : 'answers';
  return batch === undefined ? kind : `${kind}, batch ${batch.maxSize}`;
}

function toRow(model: ServedModel): string[] {
  return [
    model.name,
    model.version,
    kindOf(model),
    String(model.workers),
    model.devices.join(', ') || '-',
    String(model.queueDepth),
    model.description,
  ];
}

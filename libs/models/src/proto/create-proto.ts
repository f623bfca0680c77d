import protobuf from 'protobufjs';
import type { JsonSchema, ModelManifest } from '../manifest.js';
import { createEventMessage } from './event-message.js';
import { messageOf, type MessageType } from './from-schema.js';
import { toModelTitle } from './names.js';
import { printFile } from './print-file.js';
import type { ProtoModel } from './proto-model.js';

/** The package of the service and of all messages. */
export const PROTO_PACKAGE = 'stepcast.v1';

/** The name of the file. */
export const PROTO_FILE = 'stepcast.proto';

/** A model that is served elsewhere and not over gRPC. */
export interface UnservedModel {
  readonly model: string;
  /** Where, why and what to do. */
  readonly reason: string;
}

export interface ProtoText {
  /** The file, which is all that a client needs. */
  readonly text: string;
  readonly models: readonly ProtoModel[];
  readonly unserved: readonly UnservedModel[];
}

/** Pascal names that would take those of the service's own messages. */
const TAKEN: ReadonlyMap<string, string> = new Map([['ListModels', 'the method ListModels']]);

/**
 * The gRPC interface of models: the same text for the same models, whatever their order. A model that proto
 * cannot express is in `unserved`; the others are served.
 */
export function createProto(manifests: readonly ModelManifest[]): ProtoText {
  const sorted = [...manifests].sort((a, b) => (a.name < b.name ? -1 : 1));
  const titles = new Map(TAKEN);
  const models: ProtoModel[] = [];
  const unserved: UnservedModel[] = [];
  for (const manifest of sorted) {
    const title = toModelTitle(manifest.name);
    const holder = titles.get(title);
    try {
      if (holder !== undefined) {
        throw new Error(`its name in proto, ${title}, is that of ${holder}; rename one of them`);
      }
      const model = createModel(manifest, title);
      parseProto(printFile([model]));
      models.push(model);
      titles.set(title, `the model "${manifest.name}"`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      unserved.push({ model: manifest.name, reason: `not served over gRPC: ${reason}` });
    }
  }
  return { text: printFile(models), models, unserved };
}

/**
 * The types of a printed file, as protobufjs knows them.
 * @throws when it is not proto: {@link createProto} never lets such a model into a file
 */
export function parseProto(text: string): protobuf.Root {
  const root = new protobuf.Root();
  root.addJSON(protobuf.common.get('google/protobuf/struct.proto')?.nested ?? {});
  protobuf.parse(text, root, { keepCase: true });
  root.resolveAll();
  return root;
}

function createModel(manifest: ModelManifest, title: string): ProtoModel {
  const { name, description, version, streams } = manifest;
  const top = (schema: JsonSchema, suffix: string, path: string, what: string): MessageType =>
    messageOf(schema, {
      direction: suffix === 'Request' ? 'request' : 'response',
      name: `${title}${suffix}`,
      scope: '',
      path,
      comment: `${what} of the model "${name}".`,
    });
  const model = {
    ...{ name, title, description, version },
    request: top(manifest.input, 'Request', 'input', 'Input'),
    response: top(manifest.output, 'Response', 'output', 'Output'),
  };
  return streams ? { ...model, event: createEventMessage(manifest, title) } : model;
}

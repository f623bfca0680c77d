import type { EventMessage } from './event-message.js';
import type { ProtoModel } from './proto-model.js';
import { printComment, printMessage } from './print.js';

const HEAD = `// The gRPC interface of this hub, made from the schemas of its models: see docs/grpc.md.
syntax = "proto3";

package stepcast.v1;

import "google/protobuf/struct.proto";
`;

const SHARED = `message ListModelsRequest {}

message ListModelsResponse {
  // By name.
  repeated Model models = 1;
}

message Model {
  string name = 1;
  string description = 2;
  string version = 3;
  // Whether the model emits events of its own.
  bool streams = 4;
  // Whether a living worker runs it.
  bool serving = 5;
  // Full names of its methods, the one that streams first; none when unserved says why.
  repeated string methods = 6;
  // Why it has no methods here.
  string unserved = 7;
}

// Numbers of any shape.
message Tensor {
  repeated int64 shape = 1;
  // float32, int64, bool, string and so on.
  string dtype = 2;
  // The elements in row-major order, little-endian.
  bytes data = 3;
  // The elements, if dtype is string.
  repeated string strings = 4;
}

// The job is in line.
message Queued {
  string model = 1;
}

// A worker runs the job.
message Started {
  string worker = 1;
  string device = 2;
  // The process that runs the model; the same one again = it was warm.
  string host = 3;
}

// The job is run again. With mode restart, the model's events below from_seq are void.
message NewAttempt {
  int32 attempt = 1;
  // restart or resume.
  string mode = 2;
  int64 from_seq = 3;
}

message Log {
  // debug, info, warn or error.
  string level = 1;
  string message = 2;
}

// What was shown so far is void; a snapshot follows.
message Reset {
  // trimmed, lost or slow.
  string reason = 1;
}

// The folded state of the job, in place of the events up to seq.
message Snapshot {
  string status = 1;
  google.protobuf.Struct state = 2;
}
`;

/** The whole file. */
export function printFile(models: readonly ProtoModel[]): string {
  const parts = [
    HEAD,
    ['service InferenceService {', ...printMethods(models), '}', ''].join('\n'),
    SHARED,
    ...models.map(printModel),
  ];
  return parts.join('\n');
}

function printMethods(models: readonly ProtoModel[]): string[] {
  const methods = [
    '  // The models that there are.',
    '  rpc ListModels(ListModelsRequest) returns (ListModelsResponse);',
  ];
  for (const { title, description, event } of models) {
    methods.push('', ...printComment(description, '  '));
    const request = `(${title}Request)`;
    const output = `(${title}Response);`;
    if (event === undefined) {
      methods.push(`  rpc Predict${title}${request} returns ${output}`);
    } else {
      methods.push(`  rpc Predict${title}${request} returns (stream ${event.name});`);
      methods.push('', '  // The same without its events.');
      methods.push(`  rpc Run${title}${request} returns ${output}`);
    }
  }
  return methods;
}

function printModel({ title, name, request, response, event }: ProtoModel): string {
  const lines = [...printMessage(request.of), '', ...printMessage(response.of), ''];
  if (event !== undefined) lines.push(...printEvent(event, title, name), '');
  return lines.join('\n');
}

function printEvent({ name, fields }: EventMessage, title: string, model: string): string[] {
  return [
    `// One event of a job of the model "${model}". Failed and cancelled jobs end the call with a status instead.`,
    `message ${name} {`,
    ...fields.flatMap(({ data }) => printMessage(data.of, '  ')),
    '  // The last message of a call that ends with OK.',
    '  message Completed {',
    `    .stepcast.v1.${title}Response output = 1;`,
    '    double queued_ms = 2;',
    '    double run_ms = 3;',
    '  }',
    '  string job = 1;',
    '  // 1, 2, 3 and so on without holes; a slow reader may get several in one.',
    '  int64 seq = 2;',
    '  // 0 until a worker has taken the job.',
    '  int32 attempt = 3;',
    '  // Milliseconds since 1970.',
    '  int64 at_ms = 4;',
    '  // Which of data is set, also for types that this file does not know.',
    '  string type = 5;',
    '  oneof data {',
    '    Queued queued = 6;',
    '    Started started = 7;',
    '    NewAttempt new_attempt = 8;',
    '    Log log = 9;',
    '    Snapshot snapshot = 10;',
    '    Completed completed = 11;',
    '    Reset reset = 12;',
    ...fields.map((field) => `    ${field.data.of.name} ${field.name} = ${field.number};`),
    '  }',
    '}',
  ];
}

import { expect, it } from '@jest/globals';
import { parseProto } from '@stepcast/models';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { describeFiles } from './file-descriptor.js';

it.each([
  ['tags', 'TagsEntry'],
  ['tags_2', 'Tags2Entry'],
  ['max_tokens2d', 'MaxTokens2dEntry'],
  ['a__b', 'ABEntry'],
])('names the entry of the map %s as the language does: %s', (field, entry) => {
  const text = `syntax = "proto3"; package p; message M { map<string, int64> ${field} = 1; }`;

  const [, bytes = Buffer.alloc(0)] = describeFiles(parseProto(text), 'p.proto', 'p');

  expect(descriptor.FileDescriptorProto.decode(bytes).toJSON()).toMatchObject({
    messageType: [
      {
        name: 'M',
        field: [{ name: field, typeName: `.p.M.${entry}` }],
        nestedType: [{ name: entry }],
      },
    ],
  });
});

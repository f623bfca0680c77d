import { describe, expect, it } from '@jest/globals';

import { parseTestArguments } from './test-arguments.mjs';

const known = ['unit', 'int', 'e2e'];

describe('parseTestArguments', () => {
  it.each([
    [[], known, [], true],
    [['int'], ['int'], [], false],
    [['e2e', 'unit'], ['unit', 'e2e'], [], false],
    [['unit', '--', '-t', 'int'], ['unit'], ['-t', 'int'], false],
    [['-t', 'unit'], known, ['-t', 'unit'], false],
    [['libs/hub'], known, ['libs/hub'], false],
    [['chaos'], [], [], true],
    [['chaos', 'int', '--', '-t', 'x'], ['int'], ['-t', 'x'], true],
  ])('reads %j', (args, projects, jestArgs, withChaos) => {
    expect(parseTestArguments(args, known)).toEqual({ projects, jestArgs, withChaos });
  });
});

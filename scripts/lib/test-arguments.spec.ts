import { describe, expect, it } from '@jest/globals';

import { parseTestArguments } from './test-arguments.mjs';

const known = ['unit', 'int', 'e2e'];

describe('parseTestArguments', () => {
  it.each([
    [[], known, []],
    [['int'], ['int'], []],
    [['e2e', 'unit'], ['unit', 'e2e'], []],
    [['unit', '--', '-t', 'int'], ['unit'], ['-t', 'int']],
    [['-t', 'unit'], known, ['-t', 'unit']],
    [['libs/hub'], known, ['libs/hub']],
  ])('reads %j', (args, projects, jestArgs) => {
    expect(parseTestArguments(args, known)).toEqual({ projects, jestArgs });
  });
});

import { describe, expect, it } from '@jest/globals';

import { arePackagesInstalled } from './installed-packages.mjs';

const wanted = {
  packages: {
    '': { version: '0.1.0' },
    'libs/hub': { version: '0.1.0' },
    'node_modules/@stepcast/hub': { link: true },
    'node_modules/zod': { version: '4.6.7', integrity: 'sha512-a' },
    'node_modules/only-on-another-system': { version: '1.0.0', optional: true },
  },
};
const { 'node_modules/@stepcast/hub': hub, 'node_modules/zod': zod } = wanted.packages;
const installed = (changes: object) => ({
  packages: { 'node_modules/@stepcast/hub': hub, 'node_modules/zod': zod, ...changes },
});

describe('arePackagesInstalled', () => {
  it('accepts an install without the packages of other systems', () => {
    expect(arePackagesInstalled(wanted, installed({}))).toBe(true);
  });

  it.each([
    ['there is no install', undefined],
    ['a package is missing', { packages: { 'node_modules/@stepcast/hub': hub } }],
    ['a version differs', installed({ 'node_modules/zod': { ...zod, version: '4.6.6' } })],
    ['a content differs', installed({ 'node_modules/zod': { ...zod, integrity: 'sha512-b' } })],
  ])('asks for an install when %s', (_name, found) => {
    expect(arePackagesInstalled(wanted, found)).toBe(false);
  });
});

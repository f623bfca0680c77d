// One project per level of test (docs/testing.md). Sources are read directly; only tests that start
// real processes need a build, and `npm test` makes it.
const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
      module: { type: 'es6' },
      sourceMaps: 'inline',
    },
  ],
};

const project = (displayName, testMatch, extra = {}) => ({
  displayName,
  testMatch,
  transform,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^@stepcast/([a-z]+)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/'],
  ...extra,
});

export default {
  // A deadline for what hangs; unit tests take milliseconds.
  testTimeout: 30_000,
  projects: [
    project('unit', ['<rootDir>/{libs,apps,models,scripts}/**/*.spec.ts']),
    project('int', ['<rootDir>/{libs,apps,models}/**/*.int-spec.ts']),
    project('e2e', ['<rootDir>/test/e2e/*.e2e-spec.ts']),
    project('fault', ['<rootDir>/test/fault/*.fault-spec.ts']),
  ],
};

/** The direction of imports (docs/architecture.md): apps → platform, jobs, redis, models → hub → protocol. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^(libs|apps|models)/', pathNot: [from, ...allowed] },
});

const lib = (name) => `^libs/${name}/`;

export default {
  forbidden: [
    only(
      'protocol-imports-no-lib',
      lib('protocol'),
      [],
      'protocol is the leaf: browser-safe, only the validator.',
    ),
    only(
      'hub-imports-protocol-only',
      lib('hub'),
      [lib('protocol')],
      'hub is pure: ports, no stores.',
    ),
    only(
      'models-imports-hub-and-protocol',
      lib('models'),
      [lib('hub'), lib('protocol')],
      'the author API knows no queue and no Redis.',
    ),
    only(
      'redis-imports-hub-and-protocol',
      lib('redis'),
      [lib('hub'), lib('protocol')],
      'redis implements the ports of hub and never meets jobs.',
    ),
    only(
      'jobs-imports-models-hub-protocol',
      lib('jobs'),
      [lib('models'), lib('hub'), lib('protocol')],
      'jobs reaches Redis through the ports of hub.',
    ),
    only(
      'platform-imports-protocol',
      lib('platform'),
      [lib('protocol')],
      'platform is Nest glue without domain knowledge.',
    ),
    only(
      'sample-models-import-models-lib',
      '^models/',
      [lib('models')],
      'a model needs one import: @stepcast/models.',
    ),
    ...['api', 'gateway', 'worker', 'cli'].map((app) =>
      only(
        `app-${app}-imports-libs`,
        `^apps/${app}/`,
        ['^libs/'],
        'apps never import apps; standalone composes them.',
      ),
    ),
    {
      name: 'pure-libs-are-pure',
      comment: 'protocol and hub run in a browser and in a test without a server.',
      severity: 'error',
      from: { path: '^libs/(protocol|hub)/src', pathNot: '\\.spec\\.ts$' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'core', 'npm-no-pkg', 'npm-unknown'],
        pathNot: ['node_modules/zod', 'libs/'],
      },
    },
    {
      name: 'no-nest-outside-nest-files',
      comment: 'Only Nest-named files import Nest.',
      severity: 'error',
      from: {
        path: '^(libs|apps)/',
        pathNot:
          '(\\.(module|controller|service|filter|pipe|interceptor|provider|nest)\\.ts|main\\.ts|spec\\.ts)$',
      },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle has no first file to read.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-dev-dependency-in-source',
      severity: 'error',
      comment: 'What ships uses what is installed in production.',
      from: { path: '^(libs|apps|models)/', pathNot: '(spec\\.ts|/testing/)' },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json'] },
  },
};

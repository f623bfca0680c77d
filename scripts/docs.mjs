#!/usr/bin/env node
// npm run docs: writes docs/configuration.md and .env.example from the schemas of the apps, and
// test/proto/stepcast.proto from those of the models.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { listSections, renderConfiguration, renderEnvExample } from './lib/config-docs.mjs';
import { rootDir } from './lib/paths.mjs';
import { setUp } from './lib/setup.mjs';
import { runMain } from './lib/stop.mjs';

await runMain(async () => {
  await setUp();
  const { describeConfig } = await import('@stepcast/platform');
  const { createProto, loadRegistry } = await import('@stepcast/models');
  const registry = await loadRegistry(path.join(rootDir, 'models'));
  const manifests = registry.list().map(({ name }) => registry.manifest(name));
  const apps = await Promise.all(
    ['api', 'gateway', 'worker'].map(async (name) => {
      const file = path.join(rootDir, 'apps', name, `dist/${name}.config.js`);
      const module = await import(pathToFileURL(file).href);
      return { name, slices: module[`${name}Slices`] };
    }),
  );
  const sections = listSections(apps, describeConfig);
  const files = {
    'docs/configuration.md': renderConfiguration(sections),
    '.env.example': renderEnvExample(sections),
    'test/proto/stepcast.proto': createProto(manifests).text,
  };
  for (const [file, text] of Object.entries(files)) {
    await writeFile(path.join(rootDir, file), text);
    console.log(`wrote ${file}`);
  }
  return 0;
});

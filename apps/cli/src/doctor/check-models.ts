import type { Edge } from '../edge.js';
import { modelsDirectory } from '../models-directory.js';
import { firstLine, type Finding } from './finding.js';

/** Each folder of MODELS_DIR: the models that it serves, and why a folder cannot be used. */
export async function checkModels(edge: Edge, named: string | undefined): Promise<Finding[]> {
  const directory = await modelsDirectory(edge, named);
  const { loadRegistry } = await import('@stepcast/models');
  try {
    const registry = await loadRegistry(directory);
    const names = registry.list().map(({ name }) => name);
    const about = 'models';
    const served: Finding =
      names.length > 0
        ? { about, state: 'ok', text: `${names.join(', ')} in ${directory}` }
        : {
            about,
            state: 'warning',
            text: `none in ${directory}`,
            remedy: 'Make one: npx stepcast new model <name>',
          };
    const broken = registry.broken.map(({ folder, reason }): Finding => {
      return { about: `model ${folder}`, state: 'warning', text: firstLine(reason) };
    });
    return [served, ...broken];
  } catch (error) {
    return [{ about: 'models', state: 'missing', text: firstLine(error) }];
  }
}

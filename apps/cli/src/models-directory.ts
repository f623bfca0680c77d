import path from 'node:path';
import type { Edge } from './edge.js';

/** The directory that an option names, else the one that the hub would use: MODELS_DIR. */
export async function modelsDirectory(edge: Edge, named: string | undefined): Promise<string> {
  if (named !== undefined) return path.resolve(edge.cwd, named);
  const { modelsSlice } = await import('@stepcast/jobs');
  return modelsSlice.schema.parse({ MODELS_DIR: edge.env['MODELS_DIR'] }).MODELS_DIR;
}

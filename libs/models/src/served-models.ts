import path from 'node:path';
import type { z } from 'zod';
import type { Model } from './definition.js';
import { createManifest, type ModelManifest } from './manifest.js';
import type { BrokenModel, ModelEntry } from './model-entry.js';
import { sameDimensions } from './same-dimensions.js';

/** A model under the name by which it is served. */
export interface ServedModel extends ModelEntry {
  readonly manifest: ModelManifest;
}

export interface Served {
  /** By name. */
  readonly models: readonly ServedModel[];
  /** Folders whose model has the name and the version of another one. */
  readonly clashes: readonly BrokenModel[];
}

/**
 * Gives every model the name by which it is served. Versions of one name lie side by side: the lowest is
 * served as `sketch`, the others as `sketch@2`, so that a new version takes nothing from who uses the
 * old one. Of two folders with the same name and version the first is served.
 */
export function serveModels(entries: readonly ModelEntry[]): Served {
  const models: ServedModel[] = [];
  const clashes: BrokenModel[] = [];
  let before: ModelEntry | undefined;
  // Stable: of equal ones the first given comes first.
  for (const entry of [...entries].sort(compareEntries)) {
    const { name, version } = entry.model;
    if (before?.model.name === name && before.model.version === version) {
      clashes.push(describeClash(entry, before));
      continue;
    }
    models.push(serve(entry, before?.model.name === name ? `${name}@${version}` : name));
    before = entry;
  }
  return { models, clashes };
}

function serve(entry: ModelEntry, name: string): ServedModel {
  const { model } = entry;
  const manifest = { ...createManifest(model), name };
  const served: Model = Object.freeze({
    ...model,
    name,
    input: checkDimensions(model.input, manifest.input),
    output: checkDimensions(model.output, manifest.output),
  });
  return { ...entry, model: served, manifest };
}

/** The schema as it is, unless it holds tensors whose dimensions have names. */
function checkDimensions(schema: z.ZodType, described: unknown): z.ZodType {
  return namesDimensions(described) ? schema.superRefine(sameDimensions) : schema;
}

function namesDimensions(described: unknown): boolean {
  if (typeof described !== 'object' || described === null) return false;
  const { shape } = ((described as Record<string, unknown>)['x-tensor'] ?? {}) as {
    shape?: readonly unknown[];
  };
  if (shape?.some((dimension) => typeof dimension === 'string')) return true;
  return Object.values(described).some(namesDimensions);
}

function describeClash(entry: ModelEntry, before: ModelEntry): BrokenModel {
  const { name, version } = entry.model;
  const [folder, other] = [entry, before].map(({ directory }) => path.basename(directory));
  return {
    folder: folder ?? '',
    reason:
      `The folders ${other} and ${folder} both hold version ${version} of "${name}", and ${other} is served; ` +
      `change the name or the version in ${folder}.`,
  };
}

function compareEntries({ model: a }: ModelEntry, { model: b }: ModelEntry): number {
  return compare(a.name, b.name) || compareVersions(a.version, b.version);
}

const numeric = new Intl.Collator('en', { numeric: true });

/** 2 comes before 10, and 1.9 before 1.10. */
function compareVersions(a: string, b: string): number {
  return numeric.compare(a, b) || compare(a, b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

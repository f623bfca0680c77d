import { styleText } from 'node:util';
import type { Edge, Screen } from './edge.js';

type Style = Parameters<typeof styleText>[0];

/** Paints text if a terminal shows it and https://no-color.org is not asked for. */
export function painter(screen: Screen, env: Edge['env']): (style: Style, text: string) => string {
  const isPlain = screen.isTTY !== true || (env['NO_COLOR'] ?? '') !== '';
  return (style, text) => (isPlain ? text : styleText(style, text));
}

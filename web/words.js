/** How values are written for people. */
import { isPicture } from './job-state.js';

const MAX_STRING = 60;
const MAX_SUMMARY = 160;

/** `maxTokens` → `Max tokens` */
export function toLabel(name) {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** 1234 → `1.23 s` */
export function toDuration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

/** How long ago something was, to about the unit that matters. */
export function toAge(at) {
  const seconds = Math.max(0, (Date.now() - at) / 1_000);
  if (seconds < 10) return 'just now';
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3_600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** `1 job`, `2 jobs` */
export function toCount(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The data of an event on one line. */
export function toSummary(data) {
  const isFlat = typeof data !== 'object' || data === null;
  const text = isFlat
    ? toValue(data)
    : Object.entries(data)
        .map(([name, value]) => `${name} ${toValue(value)}`)
        .join(' · ');
  return shorten(text, MAX_SUMMARY);
}

function toValue(value) {
  if (isPicture(value)) return `(picture, ${(value.length / 1_000).toFixed(1)} kB)`;
  if (typeof value === 'string') return JSON.stringify(shorten(value, MAX_STRING));
  if (typeof value === 'number') return String(Math.round(value * 100) / 100);
  if (typeof value === 'object' && value !== null && Object.values(value).some(isPicture)) {
    return '(with a picture)';
  }
  return JSON.stringify(value) ?? '';
}

export function shorten(text, max) {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}

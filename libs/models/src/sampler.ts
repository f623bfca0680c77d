import type { Random } from './random.js';

/** How the next token is chosen. */
export interface SamplingOptions {
  /** Divides the logits: below 1 is safer, above 1 is wilder, 0 always takes the likeliest token. */
  temperature: number;
  /** Only the k likeliest tokens are eligible; 0 means all. */
  topK: number;
  /** Only the likeliest tokens that together reach this probability are eligible; 1 means all. */
  topP: number;
}

interface Candidate {
  token: number;
  weight: number;
}

/**
 * Chooses the index of one logit. Top-k narrows the choice first and top-p narrows what is left,
 * as is usual. Greedy choices (temperature 0 or topK 1) take nothing from `random`; of equal logits
 * they take the first.
 *
 * @throws RangeError when there are no logits
 */
export function sampleToken(
  logits: Float32Array,
  options: SamplingOptions,
  random: Random,
): number {
  if (logits.length === 0) throw new RangeError('sampleToken needs at least one logit');
  const best = likeliest(logits);
  if (options.temperature === 0 || options.topK === 1) return best;

  const candidates = narrow(weigh(logits, logits[best] ?? 0, options.temperature), options);
  const total = sum(candidates);
  let left = random.uniform() * total;
  for (const candidate of candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate.token;
  }
  // Rounding can leave a crumb after the last candidate.
  return candidates.at(-1)?.token ?? best;
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  logits.forEach((logit, token) => {
    if (logit > (logits[best] ?? -Infinity)) best = token;
  });
  return best;
}

/** Unnormalised probabilities. The greatest logit is taken off first, so that no exponential overflows. */
function weigh(logits: Float32Array, greatest: number, temperature: number): Candidate[] {
  return Array.from(logits, (logit, token) => ({
    token,
    weight: Math.exp((logit - greatest) / temperature),
  }));
}

function narrow(candidates: Candidate[], { topK, topP }: SamplingOptions): Candidate[] {
  if (topK === 0 && topP >= 1) return candidates;
  const sorted = candidates.sort((a, b) => b.weight - a.weight);
  const kept = topK > 0 ? sorted.slice(0, topK) : sorted;
  if (topP >= 1) return kept;

  const enough = topP * sum(kept);
  let reached = 0;
  const end = kept.findIndex((candidate) => (reached += candidate.weight) >= enough);
  return end === -1 ? kept : kept.slice(0, end + 1);
}

function sum(candidates: readonly Candidate[]): number {
  return candidates.reduce((total, candidate) => total + candidate.weight, 0);
}

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
  const weights = weigh(logits, logits[best] ?? 0, options.temperature);
  if (options.topK === 0 && options.topP >= 1) return draw(weights, random);

  const candidates = narrow(weights, options);
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
  for (let token = 1; token < logits.length; token++) {
    if ((logits[token] ?? -Infinity) > (logits[best] ?? -Infinity)) best = token;
  }
  return best;
}

/** Unnormalised probabilities. The greatest logit is taken off first, so that no exponential overflows. */
function weigh(logits: Float32Array, greatest: number, temperature: number): Float64Array {
  const weights = new Float64Array(logits.length);
  for (let token = 0; token < logits.length; token++) {
    weights[token] = Math.exp(((logits[token] ?? -Infinity) - greatest) / temperature);
  }
  return weights;
}

/** Chooses among all tokens, without an object for each: this is most of what a token costs beside the network. */
function draw(weights: Float64Array, random: Random): number {
  let left = 0;
  for (const weight of weights) left += weight;
  left *= random.uniform();
  for (let token = 0; token < weights.length; token++) {
    left -= weights[token] ?? 0;
    if (left < 0) return token;
  }
  // As above: a crumb may be left.
  return weights.length - 1;
}

function narrow(weights: Float64Array, { topK, topP }: SamplingOptions): Candidate[] {
  const candidates = Array.from(weights, (weight, token) => ({ token, weight }));
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

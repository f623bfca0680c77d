// What is submitted: jobs of every shape, and who watches them, by the dice.
import type { WatchTransport } from '../support/watcher.js';
import type { Dice } from './dice.js';

export interface ViewerPlan {
  readonly transport: WatchTransport;
  readonly hold: boolean;
  readonly joinAfterMs: number;
  /**
   * `stays` to the end; `leaves` for good; `drops` its connection again and again and resumes; `slow`
   * stops reading now and then.
   */
  readonly habit: 'stays' | 'leaves' | 'drops' | 'slow';
  /** Time between what its habit makes it do. */
  readonly everyMs: number;
}

export interface JobPlan {
  readonly shape: string;
  readonly model: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  /** Options in effect, for the oracle. */
  readonly policy: 'cancel' | 'continue';
  readonly graceMs: number;
  readonly way: 'rest' | 'ws' | 'stream';
  /** Whether its model throws: in every attempt, or in the first ones, of which lost workers take some. */
  readonly fails: 'always' | 'first' | 'never';
  /** When somebody sends DELETE. */
  readonly deleteAfterMs?: number;
  readonly viewers: readonly ViewerPlan[];
}

interface Shape {
  readonly shape: string;
  readonly weight: number;
  readonly model: string;
  readonly make: (dice: Dice) => Record<string, unknown>;
  /** Runs only while somebody holds it, and for long if nobody stops it. */
  readonly isAbandoned?: boolean;
  readonly attempts?: (dice: Dice) => number;
}

const shapes: readonly Shape[] = [
  {
    shape: 'steady',
    weight: 6,
    model: 'pace',
    make: (dice) => ({ steps: dice.int(4, 60), everyMs: dice.int(10, 130) }),
  },
  {
    shape: 'burst',
    weight: 3,
    model: 'pace',
    make: (dice) => ({ steps: dice.int(200, 2_500), everyMs: 0, bytes: dice.pick([0, 50, 300]) }),
  },
  {
    shape: 'big',
    weight: 2,
    model: 'pace',
    make: (dice) => ({ steps: dice.int(10, 60), everyMs: 20, bytes: dice.int(5_000, 60_000) }),
  },
  {
    shape: 'failing',
    weight: 3,
    model: 'pace',
    make: (dice) => ({
      ...{ steps: dice.int(5, 20), everyMs: dice.int(10, 80), fail: dice.int(1, 5) },
      ...(dice.chance(0.6) ? { failAttempts: dice.int(1, 2) } : {}),
    }),
    attempts: (dice) => dice.int(1, 3),
  },
  {
    shape: 'blocking',
    weight: 1,
    model: 'pace',
    make: (dice) => ({ steps: dice.int(2, 5), everyMs: 0, blockMs: dice.int(100, 600) }),
  },
  {
    shape: 'abandoned',
    weight: 2,
    model: 'pace',
    make: (dice) => ({ steps: 600, everyMs: 100, ignoreAbort: dice.chance(0.2) }),
    isAbandoned: true,
  },
  {
    shape: 'sketch',
    weight: 3,
    model: 'sketch',
    make: (dice) => ({ prompt: 'a red circle on white', steps: dice.int(4, 30), seed: 7 }),
  },
  {
    shape: 'writer',
    weight: 3,
    model: 'writer',
    make: (dice) => ({ prompt: '', maxTokens: dice.int(16, 120), seed: dice.int(1, 1_000) }),
  },
];

/** One more job. Jobs that save checkpoints are among them where the model can. */
export function planJob(dice: Dice, canCheckpoint: boolean): JobPlan {
  const { shape, model, make, isAbandoned = false, ...kind } = dice.weighted(shapes);
  const saves = canCheckpoint && model === 'pace' && !isAbandoned && dice.chance(0.5);
  const input = { ...make(dice), ...(saves ? { checkpointEvery: dice.int(1, 10) } : {}) };
  const attempts = kind.attempts?.(dice) ?? dice.pick([1, 1, 1, 3]);
  const way = dice.pick(['rest', 'rest', 'ws', 'stream'] as const);
  const interest = planInterest(dice, way, isAbandoned);
  const mayDelete = !isAbandoned && dice.chance(0.08);
  return {
    ...{ shape, model, input, way, policy: interest.policy, graceMs: interest.graceMs },
    options: { attempts, priority: dice.pick([0, 0, 0, 5]), ...interest.options },
    fails: !('fail' in input) ? 'never' : 'failAttempts' in input ? 'first' : 'always',
    ...(mayDelete ? { deleteAfterMs: dice.int(0, 4_000) } : {}),
    viewers: planViewers(dice, way, isAbandoned),
  };
}

interface Interest {
  readonly policy: 'cancel' | 'continue';
  readonly graceMs: number;
  readonly options: object;
}

const DEFAULT_GRACE_MS = 5_000;

function planInterest(dice: Dice, way: JobPlan['way'], mustCancel: boolean): Interest {
  const usual = way === 'rest' ? 'continue' : 'cancel';
  if (!mustCancel && dice.chance(0.5)) {
    return { policy: usual, graceMs: DEFAULT_GRACE_MS, options: {} };
  }
  const policy = mustCancel || dice.chance(0.6) ? 'cancel' : 'continue';
  const graceMs = dice.pick([0, 300, 1_000, 3_000]);
  const options = { onDisconnect: { policy, graceMs }, firstAttachMs: 4_000 };
  return { policy, graceMs, options };
}

/** The first viewer of a job that is submitted and streamed in one breath is the submitter itself. */
function planViewers(dice: Dice, way: JobPlan['way'], isAbandoned: boolean): ViewerPlan[] {
  const count = dice.int(way === 'rest' ? 0 : 1, 5);
  return Array.from({ length: count }, (_, index) => {
    const isSubmitter = index === 0 && way !== 'rest';
    return {
      transport: isSubmitter ? (way === 'ws' ? 'ws' : 'sse') : dice.pick(['ws', 'sse'] as const),
      hold: isSubmitter || dice.chance(0.8),
      joinAfterMs: isSubmitter ? 0 : dice.pick([0, 0, dice.int(0, 3_000)]),
      habit: isAbandoned ? 'leaves' : dice.pick(['stays', 'stays', 'leaves', 'drops', 'slow']),
      everyMs: dice.int(300, 2_500),
    };
  });
}

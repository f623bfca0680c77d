// A process whose wall clock is wrong, as a machine's is without NTP. Its other clocks are right.

/** Environment of a Node process whose `Date`, and that of its children, is off by so much. */
export function shiftedClock(offsetMs: number): { readonly NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload(offsetMs))}` };
}

function preload(offsetMs: number): string {
  return `
    const Real = Date;
    const now = () => Real.now() + ${offsetMs};
    globalThis.Date = new Proxy(Real, {
      apply: () => String(new Real(now())),
      construct: (target, args, self) => Reflect.construct(target, args.length ? args : [now()], self),
      get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
    });`;
}

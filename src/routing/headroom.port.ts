/** How much of a target's quota is left. */
export interface Headroom {
  /** 1 where all is left or nothing is known, 0 where nothing is. `target` is `project/model`. */
  of(target: string): number;
}

/** Injection token of the headroom. */
export const Headroom = Symbol('Headroom');

/** Where nothing counts quota, every target has all of it left. */
export const NO_QUOTA_KNOWN: Headroom = { of: () => 1 };

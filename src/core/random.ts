/** A number in [0, 1), drawn anew each time. Tests inject one that they know. */
export type Random = () => number;

/** Injection token of the source of randomness. */
export const Random = Symbol('Random');

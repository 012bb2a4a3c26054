/** How the targets of a task are put in order. */
export const STRATEGIES = ['ordered', 'weighted', 'fastest', 'cheapest', 'balanced'] as const;
export type Strategy = (typeof STRATEGIES)[number];

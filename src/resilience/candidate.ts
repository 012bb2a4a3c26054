import type { Generation } from '../core/generation.js';
import type { Hedge } from './race.js';

/** Something that can be tried. */
export interface Candidate {
  /** `project/model`. */
  readonly name: string;
  /** Candidates of one group are tried, also again, before the next group is. */
  readonly group: string;
  /** False for what answers by itself: it is never left alone and costs no retry. */
  readonly upstream: boolean;
  /** Makes the attempt; `attempt` counts from 1 over the whole call. Rejects with a GatewayError. */
  attempt(attempt: number, signal: AbortSignal): Promise<Generation>;
}

/** What a call allows beside trying its candidates. */
export interface AttemptRules {
  /** Other keys of a project whose key was refused. */
  readonly otherKeys: boolean;
  /** Further tries where the answer is none that can be used. */
  readonly unusableAnswers: boolean;
  /** A second attempt beside a slow first one. */
  readonly hedge?: Hedge | undefined;
}

/** The rules of calls that name no task. */
export const ALL_ALLOWED: AttemptRules = { otherKeys: true, unusableAnswers: true };

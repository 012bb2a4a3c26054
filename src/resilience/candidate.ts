import type { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Usage } from '../core/usage.js';
import type { Hedge } from './race.js';
import type { Refusal } from './target-health.js';

/** Room in a target's quotas, taken for one attempt. Exactly one of its methods is called, once. */
export interface Hold {
  /** The attempt was answered, in full or not, and used so much as far as is known. */
  answered(usage: Usage): void;
  /** The attempt failed. */
  failed(error: GatewayError): void;
  /** The attempt was not made. */
  release(): void;
}

/** Room, or when to ask for it again. */
export type Room = { readonly hold: Hold } | { readonly refusal: Refusal };

/** The quotas of a target, for one call. */
export interface CandidateQuota {
  /** Part of a minute's quota that the call takes, 0 to 1. */
  cost(): number;
  /** Takes room for one attempt. `aged`: the call waited so long that its class does not count any more. */
  reserve(aged: boolean): Promise<Room>;
}

/** Something that can be tried. */
export interface Candidate {
  /** `project/model`. */
  readonly name: string;
  /** Candidates of one group are tried, also again, before the next group is. */
  readonly group: string;
  /** False for what answers by itself: it is never left alone and costs no retry. */
  readonly upstream: boolean;
  /** Absent where nothing is limited. */
  readonly quota?: CandidateQuota | undefined;
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

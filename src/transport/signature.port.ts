/** What the next turn must give back to the model with a part of its answer. */
export interface KeptPart {
  /** Opaque; absent where the model signed another part of the step. */
  readonly signature?: string;
  /** Id that the model itself gave to a function call. */
  readonly upstreamId?: string;
}

/** Most characters of a part that is kept; larger ones are not given to a store. */
export const LARGEST_PART = 262_144;

/**
 * Keeps what callers cannot carry from one turn to the next, each tenant's apart and for a bounded time since its last
 * use. What is kept can be forgotten at any time: callers go on without. Rejects, soon, where the store is out of reach.
 */
export interface SignatureStore {
  /** Keeps a part under the id by which its caller knows it. */
  keep(tenant: string, id: string, part: KeptPart): Promise<void>;
  /** What was kept, in the order of the ids; undefined for an id of another tenant, unknown or forgotten. */
  find(tenant: string, ids: readonly string[]): Promise<readonly (KeptPart | undefined)[]>;
}

/** Injection token of the store. */
export const SignatureStore = Symbol('SignatureStore');

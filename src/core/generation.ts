import type { GenerateContentResponse } from './gemini-wire.js';
import type { JsonObject, JsonValue } from './json.js';
import type { Usage } from './usage.js';

/**
 * Where an answer comes from, seen from the cache: stored and fresh, made now, made for an identical call at the same
 * time, stored and past its time, or of a call that has nothing to do with the cache.
 */
export type CacheState = 'hit' | 'miss' | 'coalesced' | 'stale' | 'bypass';

/** What the cache says of an answer that it has, or may come to have. */
export interface CacheMark {
  /** Names the question: equal for calls that get the same answer. Hexadecimal; nothing can be read out of it. */
  readonly key: string;
  /** Names this very answer to the question. */
  readonly tag: string;
  /** Since the answer was made; absent for one that is made now. */
  readonly ageMs?: number;
  /** For how long from now on it is fresh; 0 for a stale one. */
  readonly freshMs: number;
}

/** Everything known when the answer starts. */
export interface Head {
  /** Id of the project that answers. */
  readonly project: string;
  /** Model on that project. */
  readonly model: string;
  /** Upstream calls made so far, this one included. */
  readonly attempts: number;
  /** True when another target than the plan's first answers. */
  readonly fallback: boolean;
  readonly cache: CacheState;
  /** Of calls that go through the cache. */
  readonly cached?: CacheMark;
}

/** A piece of the answer: one upstream message, parsed, with the text it was parsed from. */
export interface ChunkEvent {
  readonly type: 'chunk';
  /** A GenerateContentResponse for `generate`; the operation's own response otherwise. */
  readonly value: GenerateContentResponse & JsonObject;
  /** The very JSON text of `value`; absent once a policy or a mapper made the value. */
  readonly text?: string;
  /** Tokens so far; cumulative, the last one counts. Absent where the chunk carries no counts. */
  readonly usage?: Usage;
}

/** How an answer ended, in one word. */
export type Verdict = 'ok' | 'truncated' | 'blocked' | 'empty' | 'malformed';

/** What an answer that was to follow a schema went through. */
export interface StructuredReport {
  /** Whether the answer follows the whole of the caller's schema. */
  readonly valid: boolean;
  /** Whether its text was no JSON and was mended by rule. */
  readonly repaired: boolean;
  /** Whether the model was asked once more, with what was wrong. */
  readonly reasked: boolean;
  /** What answered in place of the model asked, where the task says so: its default value or another model. */
  readonly instead?: 'default' | 'model';
  /** What the upstream was not told of the schema; the gateway held the answer to it all the same. */
  readonly relaxed: readonly { readonly path: string; readonly keyword: string }[];
}

/** An answer that was to follow a schema, as a document. */
export interface StructuredAnswer extends StructuredReport {
  /** The document; absent where the text is none and nobody insists on it. */
  readonly value?: JsonValue;
}

/** The end of an answer that ran to its end. Exactly one, last. */
export interface FinishEvent {
  readonly type: 'finish';
  readonly verdict: Verdict;
  /** Google's finish or block reason, verbatim (an open enum); `STOP` for operations that have none. */
  readonly finishReason: string;
  /** Google's sentence about the reason, where it gave one. */
  readonly finishMessage?: string;
  readonly usage: Usage;
  /** Model that answered, as Google names it: what is billed. */
  readonly modelVersion?: string;
  /** Where the answer was to follow a schema, and is a text. */
  readonly structured?: StructuredAnswer;
}

/** An event of an answer. A failure is no event: the iterator throws a GatewayError, once, and is done. */
export type GenerationEvent = ChunkEvent | FinishEvent;

/**
 * An answer under way. It exists once the upstream accepted the call and produced its first event; what can be
 * retried was retried before. `events` is consumed once, to its end or to `return()`; ending early cancels the
 * upstream. A unary answer is a stream of one chunk and a finish.
 */
export interface Generation {
  readonly head: Head;
  readonly events: AsyncIterable<GenerationEvent>;
}

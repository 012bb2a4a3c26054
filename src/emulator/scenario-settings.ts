import type { GenerateContentResponse } from '../core/gemini-wire.js';
import type { QuotaTier } from './quota-errors.js';

/** How a call goes, whatever kind of scenario plays. */
export interface ScenarioSettings {
  /** To how many calls it happens: 1 by default, without end for 0 and -1. */
  readonly times?: number;
  /** Before the headers. */
  readonly delayMs?: number;
  /** Between the headers and the first chunk, and between chunks. */
  readonly firstChunkDelayMs?: number;
  readonly chunkDelayMs?: number;
  /** Pieces into which text is cut. */
  readonly chunks?: number;
  /** The text of each piece. */
  readonly chunkText?: string;
  /** Characters of each piece. */
  readonly chunkSize?: number;
  /** After that many chunks the body ends. */
  readonly cutAfterChunks?: number;
  /** The connection is destroyed where the body would end. */
  readonly reset?: boolean;
  /** The body goes out in writes of that many bytes, each on its own. */
  readonly sliceBytes?: number;
  /** The text to answer with. */
  readonly text?: string;
  /** The whole response to answer with. */
  readonly response?: GenerateContentResponse;
  /** The responses that a stream consists of. */
  readonly events?: readonly GenerateContentResponse[];
  /** For kind `raw`. */
  readonly rawBody?: string;
  readonly status?: number;
  readonly contentType?: string;
  /** Headers in addition to Google's, or in their place. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For the kinds of 429 that name a quota. */
  readonly retryDelayMs?: number;
  readonly tier?: QuotaTier;
}

import type { RemotePart } from './shared/conversation.js';

/** Reads images and files that a request names by URL, where the configuration allows their host. */
export interface MediaReader {
  /** Whether media of that URL are read here. */
  reads(url: URL): boolean;
  /** Puts what the URLs hold in place of them. Throws INVALID_REQUEST for what cannot be read. */
  read(remote: readonly RemotePart[], signal: AbortSignal): Promise<void>;
}

/** Injection token of the reader. */
export const MediaReader = Symbol('MediaReader');

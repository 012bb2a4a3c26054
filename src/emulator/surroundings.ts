import type { Clock } from '../core/clock.js';
import { answer } from './answer.js';
import { batchesWing, type BatchesOptions } from './batches.js';
import { cachedContentsWing } from './cached-contents.js';
import type { CachedTokens } from './counting.js';
import { embeddingOf } from './embedding.js';
import type { Wing } from './exchange.js';
import { FileStore } from './file-store.js';
import { filesWing } from './files.js';
import { metadataServerWing } from './metadata-server.js';
import { oauthWing } from './oauth.js';
import { openAiWing } from './openai-chat.js';
import { readPrompt } from './prompt.js';
import { secretManagerWing } from './secret-manager.js';
import type { ServiceAccounts } from './service-accounts.js';
import type { TokenRegistry } from './tokens.js';

/** What stands around the models. */
export interface Surroundings {
  readonly wings: readonly Wing[];
  readonly cachedTokens: CachedTokens;
}

/** How the surroundings behave. */
export interface SurroundingsSettings {
  /** Life of access tokens; Google's 3,599 s by default. */
  readonly tokenTtlSeconds?: number;
  /** From the creation of a batch to its end. */
  readonly batchCompletionMs?: number;
  /** How long a file stays PROCESSING. */
  readonly fileProcessingMs?: number;
  /** The project that the metadata server names. */
  readonly projectId?: string;
}

/** What the surroundings share with the models. */
export interface SurroundingsOptions {
  readonly settings: SurroundingsSettings;
  readonly clock: Clock;
  readonly seed: number;
  readonly tokens: TokenRegistry;
  readonly serviceAccounts: ServiceAccounts;
}

/** Everything of Google's and OpenAI's that is no method of a Gemini model, on one store each. */
export function surroundings(options: SurroundingsOptions): Surroundings {
  const { clock, seed, tokens, serviceAccounts, settings } = options;
  const { tokenTtlSeconds = 3599, batchCompletionMs = 0, fileProcessingMs = 0 } = settings;
  const { projectId = 'emulated-project' } = settings;
  const files = new FileStore(clock, { processingMs: fileProcessingMs });
  const cached = cachedContentsWing({ clock, countTokens: (request) => readPrompt(request).tokens });
  const answerOne: BatchesOptions['answer'] = (model, request) => answer(model, request, { seed });
  return {
    wings: [
      filesWing(files),
      cached.wing,
      batchesWing({ clock, files, answer: answerOne, completionDelayMs: batchCompletionMs }),
      oauthWing({ clock, tokens, serviceAccounts, tokenTtlSeconds }),
      metadataServerWing({ tokens, projectId, tokenTtlSeconds }),
      secretManagerWing(tokens),
      openAiWing({
        clock,
        answer: answerOne,
        embed: (text, dimensions) => embeddingOf({ parts: [{ text }] }, dimensions),
      }),
    ],
    cachedTokens: (name) => cached.tokensOf(name),
  };
}

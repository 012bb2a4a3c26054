import type { Clock } from '../core/clock.js';
import { answer } from './answer.js';
import { batchesWing } from './batches.js';
import { cachedContentsWing } from './cached-contents.js';
import type { CachedTokens } from './counting.js';
import type { Wing } from './exchange.js';
import { FileStore } from './file-store.js';
import { filesWing } from './files.js';
import { metadataServerWing } from './metadata-server.js';
import { oauthWing } from './oauth.js';
import { readPrompt } from './prompt.js';
import { secretManagerWing } from './secret-manager.js';
import type { ServiceAccounts } from './service-accounts.js';
import type { TokenRegistry } from './tokens.js';

/** What stands around the models. */
export interface Surroundings {
  readonly wings: readonly Wing[];
  readonly cachedTokens: CachedTokens;
}

/** What the surroundings share with the models. */
export interface SurroundingsOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly tokens: TokenRegistry;
  readonly serviceAccounts: ServiceAccounts;
}

/** Files, cached contents, batches, OAuth, metadata server and Secret Manager, on one store each. */
export function surroundings({ clock, seed, tokens, serviceAccounts }: SurroundingsOptions): Surroundings {
  const files = new FileStore(clock);
  const cached = cachedContentsWing({ clock, countTokens: (request) => readPrompt(request).tokens });
  return {
    wings: [
      filesWing(files),
      cached.wing,
      batchesWing({ clock, files, answer: (model, request) => answer(model, request, { seed }) }),
      oauthWing({ clock, tokens, serviceAccounts }),
      metadataServerWing({ tokens }),
      secretManagerWing(tokens),
    ],
    cachedTokens: (name) => cached.tokensOf(name),
  };
}

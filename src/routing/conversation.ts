import type { Call } from '../core/call.js';
import type { GatewayError } from '../core/gateway-error.js';
import type { JsonObject } from '../core/json.js';
import { sameOrigin, type SignatureOrigins } from './signature-origins.js';
import { signaturesOf, withBypassSignatures } from './thought-signatures.js';
import { targetName, type Ranked } from './target.js';

/**
 * The thought signatures of one call. A conversation stays with the target that signed it as long as that answers;
 * any other gets the request with the signatures replaced, because it would refuse them.
 */
export class Conversation {
  readonly #origin: string | undefined;
  #refused = false;

  constructor(
    private readonly call: Call,
    private readonly origins: SignatureOrigins,
  ) {
    const signatures = call.operation === 'generate' ? signaturesOf(call.request) : [];
    this.#origin = signatures.length === 0 ? undefined : origins.originOf(call.principal.tenant, signatures);
  }

  /** The targets in their order, but first the one that signed the conversation and those that take its signatures. */
  pinned(targets: readonly Ranked[]): readonly Ranked[] {
    const origin = this.#origin;
    if (origin === undefined) return targets;
    const distance = ({ target }: Ranked): number => {
      const name = targetName(target);
      return name === origin ? 0 : sameOrigin(name, origin) ? 1 : 2;
    };
    return targets.toSorted((left, right) => distance(left) - distance(right));
  }

  /** The request as a target is to get it. */
  requestFor(target: string, request: Readonly<JsonObject>): Readonly<JsonObject> {
    const foreign = this.#origin !== undefined && !sameOrigin(target, this.#origin);
    return foreign || this.#refused ? withBypassSignatures(request) : request;
  }

  /** The error with what may be done about it: a target that refused the signatures gets others with the next try. */
  judged(error: GatewayError, sent: Readonly<JsonObject>): GatewayError {
    if (error.metadata['signatures'] !== 'refused' || this.#refused) return error;
    this.#refused = true;
    return withBypassSignatures(sent) === sent ? error : error.withMetadata({ otherSignatures: true });
  }

  /** Takes note of who signed what. */
  learn(target: string, chunk: Readonly<JsonObject>): void {
    this.origins.learn(this.call.principal.tenant, target, chunk);
  }
}

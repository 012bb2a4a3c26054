import { allows, type Authenticator } from '../../auth/authenticator.js';
import type { Scope } from '../../auth/auth.config.js';
import type { Principal } from '../../core/call.js';
import type { ConfigSnapshot } from '../../core/config-snapshot.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { Exchange } from './exchange.js';

/**
 * Makes the one whom a presented key stands for the caller of an exchange. Throws UNAUTHENTICATED, or PERMISSION_DENIED
 * where the key lacks the scope; whose key it was is known then all the same.
 */
export function admit(
  exchange: Exchange,
  key: string | undefined,
  scope: Scope,
  authenticator: Authenticator,
  config: ConfigSnapshot,
): void {
  if (key === undefined) {
    throw new GatewayError(
      'UNAUTHENTICATED',
      'An API key is needed: send it as "Authorization: Bearer <key>".',
    );
  }
  exchange.principal = authenticator.authenticate(key, config);
  if (exchange.principal === undefined)
    throw new GatewayError('UNAUTHENTICATED', 'The API key is not valid.');
  assertAllowed(exchange.principal, scope);
}

/** Throws PERMISSION_DENIED where a caller's key lacks the scope. */
export function assertAllowed(caller: Principal, scope: Scope): void {
  if (!allows(caller, scope))
    throw new GatewayError('PERMISSION_DENIED', `The API key lacks the scope "${scope}".`);
}

import { hash } from 'node:crypto';
import type { Call } from '../core/call.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import type { CacheScope } from '../routing/task-cache.config.js';
import { canonical } from './canonical.js';

/** Counts up when the same question must not find answers that were stored under its former key. */
const KEY_FORM = 1;

/** What, beside the call, an answer depends on. */
export interface KeyContext {
  readonly scope: CacheScope;
  /** The request as it will be sent, defaults included. */
  readonly request: Readonly<JsonObject>;
  /** Text that stands for whatever of the configuration has a say in the answer. */
  readonly configured: string;
  /** The schema that the call names, in full. */
  readonly schema?: JsonValue | undefined;
}

/**
 * Names a question: SHA-256 in hexadecimal. Equal for calls whose request means the same and whose callers may share
 * answers; whether the caller reads piece by piece, and by which surface, has no say in it.
 */
export function cacheKey(call: Call, { scope, request, configured, schema }: KeyContext): string {
  const asked = [call.operation, call.model ?? null, call.prompt ?? null, configured, schema ?? null];
  return hash(
    'sha256',
    `${KEY_FORM}${canonical(sharersOf(call, scope))}${canonical(asked)}${canonical(request)}`,
    'hex',
  );
}

/** Those who may have each other's answers. */
function sharersOf({ principal, metadata }: Call, scope: CacheScope): string[] {
  const { tenant, team, user, keyId } = principal;
  switch (scope) {
    case 'shared':
      return [scope];
    case 'tenant':
      return [scope, tenant];
    case 'team':
      return [scope, tenant, team];
    case 'user':
      return [scope, tenant, team, ...whoOf(metadata.user, user, keyId)];
  }
}

/** A key's owner and a key are never the same, whatever they are called, nor are the users whom two of them name. */
function whoOf(named: string | undefined, owner: string | undefined, keyId: string): string[] {
  const whose = owner === undefined ? ['key', keyId] : ['owner', owner];
  return named === undefined ? whose : [...whose, named];
}

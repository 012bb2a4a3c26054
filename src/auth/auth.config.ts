import { IsIn, IsOptional, IsString, Matches } from 'class-validator';
import { Doc, Env, ListOf } from '../config/field.decorator.js';
import { IsSecretRef } from '../config/secret-ref.js';
import type { ConfigProblem, ConfigSnapshot } from '../core/config-snapshot.js';

/** What a key may be used for. */
export const SCOPES = ['generate', 'resources', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** One API key of a caller. The key itself is nowhere in the configuration. */
export class GatewayKeyConfig {
  @Doc('Name of the key in logs.')
  @Matches(/^[\w.-]{1,64}$/)
  id!: string;

  @Doc('SHA-256 of the key in hexadecimal; instead of `secret`.')
  @Matches(/^[0-9a-f]{64}$/)
  @IsOptional()
  sha256?: string;

  @Doc('Reference to the secret that holds the key; instead of `sha256`.')
  @IsSecretRef()
  @IsOptional()
  secret?: string;

  @Doc('Tenant that the key belongs to. Nothing is shared between tenants.')
  @Matches(/^[\w.-]{1,64}$/)
  tenant: string = 'default';

  @Doc('Team that the key belongs to.')
  @Matches(/^[\w.-]{1,64}$/)
  team!: string;

  @Doc('Person or service that the key belongs to.')
  @IsString()
  @IsOptional()
  user?: string;

  @Doc(
    'What the key may do: `generate` (generate, count, embed, list models), `resources` (files, cached contents and batches, which all keys with this scope share), `admin` (everything).',
  )
  @IsIn(SCOPES, { each: true })
  scopes: Scope[] = ['generate'];
}

/** Who may call. */
export class AuthConfig {
  static readonly section = 'auth';
  static check(snapshot: ConfigSnapshot): readonly ConfigProblem[] {
    return keyProblems(snapshot.get(AuthConfig).keys);
  }

  @Doc('API keys of callers.')
  @ListOf(() => GatewayKeyConfig)
  keys: GatewayKeyConfig[] = [];

  @Doc(
    'Reference to the first admin key. Outside production one is made and printed at start when there is none.',
  )
  @Env('GATEWAY_BOOTSTRAP_KEY', 'reference')
  @IsSecretRef()
  @IsOptional()
  bootstrapKey?: string;
}

function keyProblems(keys: readonly GatewayKeyConfig[]): ConfigProblem[] {
  const seen = new Set<string>();
  return keys.flatMap(({ id, sha256, secret }, index) => {
    const problems: ConfigProblem[] = [];
    if (seen.has(id))
      problems.push({ path: `auth.keys[${index}].id`, message: `"${id}" is the id of another key` });
    seen.add(id);
    if ((sha256 === undefined) === (secret === undefined)) {
      problems.push({ path: `auth.keys[${index}]`, message: 'must have either sha256 or secret' });
    }
    return problems;
  });
}

import type { Clock } from '../core/clock.js';
import { sendJson, type Exchange, type Wing } from './exchange.js';
import { bearerOf, readJsonBody, sendGoogleError, timestamp } from './google-rest.js';
import type { OAuthError, ServiceAccounts } from './service-accounts.js';
import type { TokenRegistry } from './tokens.js';

/** What the token endpoints depend on, and how long their tokens live. */
export interface OAuthOptions {
  readonly clock: Clock;
  readonly tokens: TokenRegistry;
  readonly serviceAccounts: ServiceAccounts;
  /** Google's own tokens live 3,599 s. */
  readonly tokenTtlSeconds?: number;
}

/** The audience that Google's libraries write into assertions, whatever the endpoint. */
const GOOGLE_AUDIENCE = 'https://oauth2.googleapis.com/token';
const TOKEN_PATHS: ReadonlySet<string> = new Set(['/token', '/oauth2/token']);
const STS_PATH = '/v1/token';
const IMPERSONATION = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):generateAccessToken$/;
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
const LONGEST_LIFETIME_SECONDS = 3600;

/**
 * Google's token endpoint (`/token`), STS token exchange (`/v1/token`) and `:generateAccessToken` of the IAM
 * Credentials API. `POST /emulator/service-accounts {clientEmail, publicKeyPem}` makes an account known.
 */
export function oauthWing(options: OAuthOptions): Wing {
  const { clock, tokens, serviceAccounts, tokenTtlSeconds = 3599 } = options;

  /** Whom a grant is for, or why it is refused. */
  function principalOf(form: URLSearchParams, exchange: Exchange): string | OAuthError {
    const grant = form.get('grant_type') ?? '';
    if (grant === JWT_BEARER) {
      const audiences = [GOOGLE_AUDIENCE, `${exchange.origin}${exchange.path}`];
      const now = clock.wallMs() / 1000;
      const checked = serviceAccounts.check(form.get('assertion') ?? '', audiences, now);
      return 'error' in checked ? checked : checked.clientEmail;
    }
    if (grant !== 'refresh_token' && grant !== 'client_credentials')
      return { error: 'unsupported_grant_type', error_description: `Invalid grant_type: ${grant}` };
    const client = clientOf(form, exchange);
    if (client === undefined)
      return { error: 'invalid_client', error_description: 'The OAuth client was not found.' };
    if (grant === 'refresh_token' && !form.get('refresh_token'))
      return { error: 'invalid_grant', error_description: 'Bad Request' };
    return client;
  }

  async function token(exchange: Exchange): Promise<void> {
    const form = new URLSearchParams((await exchange.readBody()).toString());
    const principal = principalOf(form, exchange);
    if (typeof principal !== 'string') {
      sendJson(exchange, principal.error === 'invalid_client' ? 401 : 400, principal);
      return;
    }
    sendJson(exchange, 200, {
      access_token: tokens.issue(principal, tokenTtlSeconds),
      expires_in: tokenTtlSeconds,
      token_type: 'Bearer',
    });
  }

  async function exchangeToken(exchange: Exchange): Promise<void> {
    const form = new URLSearchParams((await exchange.readBody()).toString());
    const audience = form.get('audience') ?? '';
    const refused = exchangeRefusal(form, audience);
    if (refused !== undefined) {
      sendJson(exchange, 400, refused);
      return;
    }
    sendJson(exchange, 200, {
      access_token: tokens.issue(`principal:${audience}`, tokenTtlSeconds),
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: 'Bearer',
      expires_in: tokenTtlSeconds,
    });
  }

  async function impersonate(exchange: Exchange, account: string): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    const lifetime = typeof body['lifetime'] === 'string' ? body['lifetime'] : '';
    const asked = Number(/^(\d+)s$/.exec(lifetime)?.[1] ?? tokenTtlSeconds);
    const seconds = Math.min(asked, tokenTtlSeconds, LONGEST_LIFETIME_SECONDS);
    if (!tokens.valid(bearerOf(exchange)))
      sendGoogleError(exchange, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    else if (!Array.isArray(body['scope']) || body['scope'].length === 0)
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'Request contains an invalid argument.');
    else
      sendJson(exchange, 200, {
        accessToken: tokens.issue(account, seconds),
        expireTime: timestamp(clock.wallMs() + seconds * 1000),
      });
  }

  async function register(exchange: Exchange): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    const { clientEmail, publicKeyPem } = body;
    if (typeof clientEmail !== 'string' || typeof publicKeyPem !== 'string') {
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'clientEmail and publicKeyPem are required.');
      return;
    }
    try {
      serviceAccounts.register(clientEmail, publicKeyPem);
      sendJson(exchange, 200, {});
    } catch {
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'publicKeyPem holds no public key.');
    }
  }

  return async (exchange) => {
    if (exchange.method !== 'POST') return false;
    const { path } = exchange;
    const account = IMPERSONATION.exec(path)?.[1];
    if (TOKEN_PATHS.has(path)) await token(exchange);
    else if (path === STS_PATH) await exchangeToken(exchange);
    else if (account !== undefined) await impersonate(exchange, account);
    else if (path === '/emulator/service-accounts') await register(exchange);
    else return false;
    return true;
  };
}

/** The client id of `client_id` and `client_secret`, in the form or as Basic credentials (RFC 6749, 2.3.1). */
function clientOf(form: URLSearchParams, exchange: Exchange): string | undefined {
  const basic = /^Basic +(\S+)$/i.exec(exchange.req.headers.authorization ?? '')?.[1];
  const [id, secret] =
    basic === undefined
      ? [form.get('client_id'), form.get('client_secret')]
      : Buffer.from(basic, 'base64').toString().split(':', 2);
  return id && secret ? id : undefined;
}

function exchangeRefusal(form: URLSearchParams, audience: string): OAuthError | undefined {
  const grant = form.get('grant_type') ?? '';
  if (grant !== TOKEN_EXCHANGE)
    return { error: 'unsupported_grant_type', error_description: `Invalid grant_type: ${grant}` };
  if (!audience.startsWith('//iam.googleapis.com/'))
    return { error: 'invalid_request', error_description: 'Invalid value for "audience".' };
  if (!form.get('subject_token') || !form.get('subject_token_type'))
    return { error: 'invalid_grant', error_description: 'The given credential is rejected.' };
  return undefined;
}

import { crc32c } from './crc32c.js';
import { sendJson, type Exchange, type Wing } from './exchange.js';
import { bearerOf, readJsonBody, sendGoogleError } from './google-rest.js';
import type { TokenRegistry } from './tokens.js';

interface Secret {
  /** Version 1 first. */
  readonly versions: Buffer[];
  /** The caller lacks the permission to read it. */
  denied: boolean;
}

const ACCESS =
  /^\/v1\/(projects\/[^/]+(?:\/locations\/[^/]+)?\/secrets\/[^/]+)\/versions\/(latest|[1-9]\d*):access$/;
const NAME = /^projects\/[^/]+(?:\/locations\/[^/]+)?\/secrets\/[\w-]{1,255}$/;

/**
 * Secret Manager's access method over REST, for holders of a token from `tokens`. `POST /emulator/secrets
 * {name, value?, denied?}` adds a version or takes the permission away.
 */
export function secretManagerWing(tokens: TokenRegistry): Wing {
  const secrets = new Map<string, Secret>();

  function access(exchange: Exchange, name: string, asked: string): void {
    if (!tokens.valid(bearerOf(exchange))) {
      sendGoogleError(
        exchange,
        'UNAUTHENTICATED',
        'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other ' +
          'valid authentication credential.',
      );
      return;
    }
    const secret = secrets.get(name);
    if (secret?.denied === true) {
      sendGoogleError(
        exchange,
        'PERMISSION_DENIED',
        `Permission 'secretmanager.versions.access' denied for resource '${name}/versions/${asked}' (or it may not exist).`,
      );
      return;
    }
    const version = asked === 'latest' ? (secret?.versions.length ?? 0) : Number(asked);
    const data = secret?.versions[version - 1];
    if (secret === undefined || secret.versions.length === 0)
      sendGoogleError(exchange, 'NOT_FOUND', `Secret [${name}] not found or has no versions.`);
    else if (data === undefined)
      sendGoogleError(exchange, 'NOT_FOUND', `Secret Version [${name}/versions/${asked}] not found.`);
    else
      sendJson(exchange, 200, {
        name: `${name}/versions/${version}`,
        payload: { data: data.toString('base64'), dataCrc32c: String(crc32c(data)) },
      });
  }

  async function put(exchange: Exchange): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    const { name, value, denied } = body;
    if (typeof name !== 'string' || !NAME.test(name)) {
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'name must be projects/{project}/secrets/{secret}.');
      return;
    }
    const secret = secrets.get(name) ?? { versions: [], denied: false };
    if (typeof value === 'string') secret.versions.push(Buffer.from(value));
    if (typeof denied === 'boolean') secret.denied = denied;
    secrets.set(name, secret);
    sendJson(exchange, 200, { name: `${name}/versions/${secret.versions.length}` });
  }

  return async (exchange) => {
    if (exchange.method === 'POST' && exchange.path === '/emulator/secrets') {
      await put(exchange);
      return true;
    }
    const [, name, version] = (exchange.method === 'GET' && ACCESS.exec(exchange.path)) || [];
    if (name === undefined || version === undefined) return false;
    access(exchange, name, version);
    return true;
  };
}

import { sendJson, type Exchange, type Wing } from './exchange.js';
import type { TokenRegistry } from './tokens.js';

/** The instance that the metadata server describes. */
export interface MetadataServerOptions {
  readonly tokens: TokenRegistry;
  readonly projectId?: string;
  readonly email?: string;
  readonly tokenTtlSeconds?: number;
}

const ROOT = '/computeMetadata/v1';
const FLAVOR = { 'metadata-flavor': 'Google', server: 'Metadata Server for VM' };
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/**
 * The part of Compute Engine's metadata server that default credentials read: token, address and scopes of the
 * instance's service account, and the project. Requests without `Metadata-Flavor: Google` are refused.
 */
export function metadataServerWing(options: MetadataServerOptions): Wing {
  const { tokens, projectId = 'emulated-project', tokenTtlSeconds = 3599 } = options;
  const email = options.email ?? `emulator@${projectId}.iam.gserviceaccount.com`;
  const texts: Readonly<Record<string, string>> = {
    '/': '0.1/\ncomputeMetadata/\n',
    '': 'instance/\nproject/\nuniverse/\n',
    instance: 'service-accounts/\n',
    'instance/service-accounts': `default/\n${email}/\n`,
    'instance/service-accounts/default/email': email,
    'instance/service-accounts/default/scopes': `${SCOPE}\n`,
    'project/project-id': projectId,
    'project/numeric-project-id': '123456789012',
    'universe/universe-domain': 'googleapis.com',
  };

  function account(exchange: Exchange): void {
    if (exchange.query.get('recursive') === 'true')
      sendJson(exchange, 200, { aliases: ['default'], email, scopes: [SCOPE] }, FLAVOR);
    else sendText(exchange, 200, 'aliases\nemail\nidentity\nscopes\ntoken\n');
  }

  return (exchange) => {
    const { method, path } = exchange;
    if (method !== 'GET' || (path !== '/' && path !== ROOT && !path.startsWith(`${ROOT}/`))) return false;
    if (exchange.req.headers['metadata-flavor'] !== 'Google') {
      // The root is also where people and probes knock; only metadata needs the header.
      if (path === '/') return false;
      sendText(exchange, 403, 'Missing Metadata-Flavor:Google header.');
      return true;
    }
    const key =
      path === '/'
        ? path
        : path
            .slice(ROOT.length)
            .replace(/^\/|\/$/g, '')
            .replace(email, 'default');
    const text = texts[key];
    if (key === 'instance/service-accounts/default') account(exchange);
    else if (key === 'instance/service-accounts/default/token')
      sendJson(
        exchange,
        200,
        {
          access_token: tokens.issue(email, tokenTtlSeconds),
          expires_in: tokenTtlSeconds,
          token_type: 'Bearer',
        },
        FLAVOR,
      );
    else if (text === undefined) sendText(exchange, 404, 'The requested metadata was not found.');
    else sendText(exchange, 200, text);
    return true;
  };
}

function sendText(exchange: Exchange, status: number, text: string): void {
  exchange.res.writeHead(status, {
    ...FLAVOR,
    'content-type': 'application/text',
    'content-length': Buffer.byteLength(text),
  });
  exchange.res.end(text);
}

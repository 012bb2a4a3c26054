import type { AuthClient, GoogleAuth, JWTInput } from 'google-auth-library';
import { fetch as undiciFetch } from 'undici';
import type { Credential } from '../../core/credential.js';
import { GatewayError } from '../../core/gateway-error.js';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/**
 * Access tokens for one project. The auth library caches and renews them; a credential whose text changed is
 * taken up at the next call.
 */
export class VertexCredentials {
  #client: Promise<AuthClient> | undefined;
  #from: string | undefined;

  /** Without a credential, the default credentials of the environment are used (ADC, workload identity). */
  constructor(private readonly credential: Credential | undefined) {}

  /** The authenticating headers. Throws UPSTREAM_AUTH where no token can be had. */
  async headers(): Promise<Record<string, string>> {
    const text = this.credential?.current();
    if (this.#client === undefined || text !== this.#from) {
      this.#from = text;
      this.#client = authClient(text);
    }
    try {
      const { token } = await (await this.#client).getAccessToken();
      if (!token) throw new Error('The token endpoint gave no token.');
      return { authorization: `Bearer ${token}` };
    } catch (cause) {
      this.#client = undefined;
      throw new GatewayError('UPSTREAM_AUTH', 'No access token could be had for the project.', { cause });
    }
  }
}

async function authClient(text: string | undefined): Promise<AuthClient> {
  const { GoogleAuth } = await import('google-auth-library');
  if (text === undefined) return new GoogleAuth({ scopes: [SCOPE] }).getClient();
  const credentials = JSON.parse(text) as JWTInput & { readonly token_uri?: string };
  const auth: GoogleAuth = new GoogleAuth({
    scopes: [SCOPE],
    credentials,
    clientOptions: { transporterOptions: { fetchImplementation: fetchFor(credentials.token_uri) } },
  });
  return auth.getClient();
}

const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token';

/** The library sends assertions to Google whatever `token_uri` the key file names; this fetch follows the file. */
function fetchFor(tokenUri: string | undefined): typeof globalThis.fetch {
  return ((input: string | URL, init?: object) => {
    const url = String(input);
    return undiciFetch(url === GOOGLE_TOKEN_URL && tokenUri ? tokenUri : url, init);
  }) as unknown as typeof globalThis.fetch;
}

import type { IncomingHttpHeaders } from 'node:http';
import { badKey, missingKey, type Refusal, unauthorized } from './google-errors.js';
import type { TokenRegistry } from './tokens.js';
import type { Api } from './usage.js';

/** Who calls, as the quotas see it. */
export interface Caller {
  readonly project: string;
}

/** Which credentials are good. */
export interface CallersOptions {
  readonly tokens: TokenRegistry;
  /** The keys that exist; undefined when every key that is not empty does. */
  readonly apiKeys: readonly string[] | undefined;
  /** The project of a key; a key that is not named is a project of its own. */
  readonly keyProjects: Readonly<Record<string, string>>;
}

/** What a request presents: an API key by `x-goog-api-key` or `?key=`, or a bearer token. */
export interface Credential {
  readonly type: 'key' | 'token' | 'none';
  readonly value: string;
}

const NO_CREDENTIAL: Credential = { type: 'none', value: '' };

/** The credential of a request; a key goes before a token. */
export function credentialOf(headers: IncomingHttpHeaders, query: URLSearchParams): Credential {
  const header = headers['x-goog-api-key'];
  if (typeof header === 'string' && header !== '') return { type: 'key', value: header };
  const key = query.get('key');
  if (key !== null && key !== '') return { type: 'key', value: key };
  const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return token === undefined ? NO_CREDENTIAL : { type: 'token', value: token };
}

/** Tells who calls, as Google's front end does. */
export class Callers {
  private readonly keys: ReadonlySet<string> | undefined;

  constructor(private readonly options: CallersOptions) {
    this.keys = options.apiKeys === undefined ? undefined : new Set(options.apiKeys);
  }

  /** The caller's project, or the refusal that it gets. `pathProject` is the project of a Vertex path. */
  identify(credential: Credential, api: Api, pathProject: string): Caller | Refusal {
    const { type, value } = credential;
    switch (type) {
      case 'none':
        return api === 'vertex' ? unauthorized : missingKey;
      case 'token':
        if (!this.options.tokens.valid(value)) return unauthorized;
        return { project: pathProject === '' ? 'default' : pathProject };
      case 'key':
        if (this.keys !== undefined && !this.keys.has(value)) return badKey;
        return { project: pathProject === '' ? (this.options.keyProjects[value] ?? value) : pathProject };
    }
  }
}

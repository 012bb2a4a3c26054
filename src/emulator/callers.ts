import type { IncomingHttpHeaders } from 'node:http';
import { badKey, missingKey, type Refusal, unauthorized } from './google-errors.js';
import type { TokenRegistry } from './tokens.js';
import type { Api } from './usage.js';

/** Who calls, as the ledger and the quotas see it. */
export interface Caller {
  /** The API key, or the access token. */
  readonly key: string;
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

/** Tells who calls by `x-goog-api-key`, `?key=` or bearer token, as Google's front end does. */
export class Callers {
  private readonly keys: ReadonlySet<string> | undefined;
  private readonly known = new Map<string, Caller>();

  constructor(private readonly options: CallersOptions) {
    this.keys = options.apiKeys === undefined ? undefined : new Set(options.apiKeys);
  }

  /** The caller, or the refusal that it gets. `pathProject` is the project of a Vertex path. */
  identify(
    headers: IncomingHttpHeaders,
    queryKey: string | null,
    api: Api,
    pathProject: string,
  ): Caller | Refusal {
    const header = headers['x-goog-api-key'];
    const key = typeof header === 'string' && header !== '' ? header : (queryKey ?? '');
    if (key !== '') return this.byKey(key, pathProject);
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (bearer === undefined) return api === 'vertex' ? unauthorized : missingKey;
    if (!this.options.tokens.valid(bearer)) return unauthorized;
    return { key: bearer, project: pathProject === '' ? 'default' : pathProject };
  }

  private byKey(key: string, pathProject: string): Caller | Refusal {
    if (this.keys !== undefined && !this.keys.has(key)) return badKey;
    if (pathProject !== '') return { key, project: pathProject };
    let caller = this.known.get(key);
    if (caller === undefined) {
      caller = { key, project: this.options.keyProjects[key] ?? key };
      if (this.known.size < MOST_REMEMBERED) this.known.set(key, caller);
    }
    return caller;
  }
}

const MOST_REMEMBERED = 10_000;

import type { IncomingHttpHeaders } from 'node:http';

/**
 * The API key that a request presents: `x-goog-api-key`, `x-api-key` or `Authorization: Bearer`; `?key=` only
 * where `inQuery` allows it. Undefined where there is none.
 */
export function presentedKey(
  headers: IncomingHttpHeaders,
  url: string,
  inQuery: boolean,
): string | undefined {
  const header = headers['x-goog-api-key'] ?? headers['x-api-key'];
  if (typeof header === 'string' && header !== '') return header;
  const bearer = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  if (!inQuery) return undefined;
  const at = url.indexOf('?');
  const key = at === -1 ? null : new URLSearchParams(url.slice(at + 1)).get('key');
  return key === null || key === '' ? undefined : key;
}

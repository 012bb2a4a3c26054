import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { GatewayError } from '../../core/gateway-error.js';
import type { ForwardResponse } from '../../core/provider.js';

/** Request headers that belong to Google; everything else, credentials above all, stays here. */
const FORWARDED = /^(?:content-type|content-length|accept|range|x-goog-upload-[a-z-]+|x-goog-field-?mask)$/;
/** Response headers that belong to the caller. */
const RETURNED = /^(?:content-type|content-length|content-range|etag|x-goog-upload-[a-z-]+)$/;
/** Response headers that hold an address of Google's. */
const UPLOAD_URLS = ['x-goog-upload-url', 'x-goog-upload-control-url'];

/**
 * The path on Google's side: always v1beta, without our prefix and without the caller's key. Throws
 * INVALID_REQUEST for a path that leads out of its resource.
 */
export function upstreamPath(url: string): string {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  // A server that resolves dots would find a method of a model there, which no policy would have seen.
  if (/(?:\.|%2e){2}/i.test(path)) throw new GatewayError('INVALID_REQUEST', 'The path is not valid.');
  const bare = path.replace(/^\/gemini\//, '/').replace(/^\/(upload\/)?v1\//, '/$1v1beta/');
  if (mark === -1) return bare;
  const parameters = new URLSearchParams(url.slice(mark + 1));
  parameters.delete('key');
  const rest = parameters.toString();
  return rest === '' ? bare : `${bare}?${rest}`;
}

export function forwardedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (FORWARDED.test(name) && typeof value === 'string') forwarded[name] = value;
  }
  return forwarded;
}

/** Headers for the caller. Upload URLs lead to Google; they are made to lead through the gateway. */
export function returnedHeaders(
  headers: ForwardResponse['headers'],
  request: Pick<FastifyRequest, 'protocol' | 'host' | 'raw'>,
): Record<string, string> {
  const returned: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (RETURNED.test(name) && typeof value === 'string') returned[name] = value;
  }
  for (const name of UPLOAD_URLS) {
    const url = returned[name];
    if (url !== undefined) returned[name] = throughGateway(url, request);
  }
  return returned;
}

function throughGateway(
  uploadUrl: string,
  request: Pick<FastifyRequest, 'protocol' | 'host' | 'raw'>,
): string {
  const { pathname, searchParams } = new URL(uploadUrl);
  // Google may have put the project's key into the URL.
  searchParams.delete('key');
  const prefix = request.raw.url?.startsWith('/gemini/') === true ? '/gemini' : '';
  return `${request.protocol}://${request.host}${prefix}${pathname}?${searchParams.toString()}`;
}

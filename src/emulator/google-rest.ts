import { isJsonObject, type JsonObject } from '../core/json.js';
import { sendJson, type Exchange } from './exchange.js';
import type { ResourceStore } from './resource-store.js';

const HTTP_STATUS = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
} as const satisfies Record<string, number>;

/** Canonical codes with which Google's resource APIs refuse. */
export type GoogleStatus = keyof typeof HTTP_STATUS;

/** Answers with Google's error body and the HTTP status that belongs to the code. */
export function sendGoogleError(
  exchange: Exchange,
  status: GoogleStatus,
  message: string,
  headers: Record<string, string> = {},
): void {
  const code = HTTP_STATUS[status];
  sendJson(exchange, code, { error: { code, message, status } }, headers);
}

/** Google's sentence for a path that names nothing. */
export const ENTITY_NOT_FOUND = 'Requested entity was not found.';

/** The body as an object, an absent one as `{}`; undefined when it was none and the caller has been told so. */
export async function readJsonBody(exchange: Exchange): Promise<JsonObject | undefined> {
  const text = (await exchange.readBody()).toString();
  if (text === '') return {};
  const body = parseObject(text);
  if (body === undefined)
    sendGoogleError(exchange, 'INVALID_ARGUMENT', 'Invalid JSON payload received. Expected an object.');
  return body;
}

/** The JSON object in `text`; undefined when there is none. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The bearer token of a request, without its scheme; empty where there is none. */
export function bearerOf(exchange: Exchange): string {
  return /^Bearer +(\S+)$/i.exec(exchange.req.headers.authorization ?? '')?.[1] ?? '';
}

/** Milliseconds since the epoch as Google writes them. */
export function timestamp(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** How a listing is answered. */
export interface Listing<T> {
  /** Name of the array in the answer; it is absent when there is nothing to list. */
  readonly field: string;
  readonly store: ResourceStore<T>;
  /** What belongs to the collection asked for; everything where it is absent. */
  readonly includes?: (resource: T) => boolean;
  readonly render: (resource: T) => JsonObject;
  readonly defaultSize: number;
  readonly maxSize: number;
}

/** Answers `?pageSize&pageToken`. */
export function sendList<T>(exchange: Exchange, listing: Listing<T>): void {
  const asked = Number(exchange.query.get('pageSize') ?? 0);
  const size = asked === 0 ? listing.defaultSize : Math.min(asked, listing.maxSize);
  const page =
    Number.isInteger(size) && size > 0
      ? listing.store.page(size, exchange.query.get('pageToken') ?? '', listing.includes ?? (() => true))
      : undefined;
  if (page === undefined) {
    sendGoogleError(exchange, 'INVALID_ARGUMENT', 'page_size or page_token is invalid.');
    return;
  }
  sendJson(exchange, 200, {
    ...(page.items.length > 0 && { [listing.field]: page.items.map((item) => listing.render(item)) }),
    ...(page.nextPageToken !== undefined && { nextPageToken: page.nextPageToken }),
  });
}

import { randomBytes } from 'node:crypto';

import type { Clock } from '../core/clock.js';
import type { GenerateContentRequest } from '../core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { sendJson, type Exchange, type Wing } from './exchange.js';
import { readJsonBody, sendGoogleError, sendList, timestamp } from './google-rest.js';
import { ResourceStore } from './resource-store.js';

/** What generation needs to know of cached contents. */
export interface CachedContents {
  /** Tokens of the content with that full name; undefined when there is none, or no longer. */
  tokensOf(name: string): number | undefined;
}

/** The store's dependencies and bounds. */
export interface CachedContentsOptions {
  readonly clock: Clock;
  readonly countTokens: (request: GenerateContentRequest) => number;
  /** Smaller contents are refused. Google's minimum for Flash models is 1,024 (2026-09). */
  readonly minTokens?: number;
}

interface CachedContent {
  readonly name: string;
  /** Empty on the Developer API, `projects/{p}/locations/{l}/` on Vertex. */
  readonly parent: string;
  readonly model: string;
  readonly displayName: string;
  readonly totalTokens: number;
  readonly createdMs: number;
  updatedMs: number;
  expiresMs: number;
}

const PATH = /^\/v1(?:alpha|beta1?)?\/(projects\/[^/]+\/locations\/[^/]+\/)?cachedContents(?:\/([^/:]+))?$/;
const DEFAULT_TTL_MS = 3_600_000;
const EXPIRY_FIELDS: ReadonlySet<string> = new Set(['ttl', 'expireTime', 'name']);

/** The cachedContents collections of the Developer API and of Vertex. */
export function cachedContentsWing(options: CachedContentsOptions): CachedContents & { readonly wing: Wing } {
  const { clock, countTokens, minTokens = 1024 } = options;
  const contents = new ResourceStore<CachedContent>({
    maxItems: 10_000,
    isGone: (content) => content.expiresMs <= clock.wallMs(),
  });

  async function create(exchange: Exchange, parent: string): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    const now = clock.wallMs();
    const expiresMs = expiryOf(body, now) ?? now + DEFAULT_TTL_MS;
    const { model, displayName } = body;
    const tokens = countTokens(body);
    if (typeof model !== 'string' || model === '')
      sendGoogleError(
        exchange,
        'INVALID_ARGUMENT',
        '* CreateCachedContentRequest.model: model is required\n',
      );
    else if (!(expiresMs > now))
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'The expiration must be a time in the future.');
    else if (tokens < minTokens)
      sendGoogleError(
        exchange,
        'INVALID_ARGUMENT',
        `Cached content is too small. total_token_count=${tokens}, min_total_token_count=${minTokens}`,
      );
    else {
      const content: CachedContent = {
        name: `${parent}cachedContents/${randomBytes(10).toString('hex')}`,
        parent,
        model,
        displayName: typeof displayName === 'string' ? displayName : '',
        totalTokens: tokens,
        createdMs: now,
        updatedMs: now,
        expiresMs,
      };
      contents.add(content.name, content);
      sendJson(exchange, 200, render(content));
    }
  }

  async function changeExpiry(exchange: Exchange, content: CachedContent): Promise<void> {
    const body = await readJsonBody(exchange);
    if (body === undefined) return;
    const now = clock.wallMs();
    const expiresMs = expiryOf(body, now);
    const other = Object.keys(body).find((field) => !EXPIRY_FIELDS.has(field));
    if (other !== undefined)
      sendGoogleError(exchange, 'INVALID_ARGUMENT', `Only the expiration can be updated, not ${other}.`);
    else if (expiresMs === undefined || !(expiresMs > now))
      sendGoogleError(exchange, 'INVALID_ARGUMENT', 'The expiration must be a time in the future.');
    else {
      content.expiresMs = expiresMs;
      content.updatedMs = now;
      sendJson(exchange, 200, render(content));
    }
  }

  async function answer(exchange: Exchange, name: string, parent: string): Promise<boolean> {
    if (!['GET', 'PATCH', 'DELETE'].includes(exchange.method)) return false;
    const content = contents.get(name);
    if (content === undefined) sendMissing(exchange, name, parent);
    else if (exchange.method === 'GET') sendJson(exchange, 200, render(content));
    else if (exchange.method === 'PATCH') await changeExpiry(exchange, content);
    else {
      contents.delete(name);
      sendJson(exchange, 200, {});
    }
    return true;
  }

  return {
    tokensOf: (name) => contents.get(name)?.totalTokens,
    wing: async (exchange) => {
      const match = PATH.exec(exchange.path);
      if (match === null) return false;
      const [, parent = '', id] = match;
      if (id !== undefined) return answer(exchange, `${parent}cachedContents/${id}`, parent);
      if (exchange.method === 'POST') await create(exchange, parent);
      else if (exchange.method === 'GET')
        sendList(exchange, {
          field: 'cachedContents',
          store: contents,
          includes: (content) => content.parent === parent,
          render,
          defaultSize: 50,
          maxSize: 1000,
        });
      else return false;
      return true;
    },
  };
}

function render(content: CachedContent): JsonObject {
  return {
    name: content.name,
    model: content.model,
    displayName: content.displayName,
    createTime: timestamp(content.createdMs),
    updateTime: timestamp(content.updatedMs),
    expireTime: timestamp(content.expiresMs),
    usageMetadata: { totalTokenCount: content.totalTokens },
  };
}

function sendMissing(exchange: Exchange, name: string, parent: string): void {
  if (parent === '')
    sendGoogleError(exchange, 'PERMISSION_DENIED', 'CachedContent not found (or permission denied)');
  else sendGoogleError(exchange, 'NOT_FOUND', `Not found: cached content metadata for ${name}.`);
}

/** Wall time in ms that `ttl` or `expireTime` names, NaN where they cannot be read; undefined without either. */
function expiryOf(body: JsonObject, now: number): number | undefined {
  if (body['ttl'] !== undefined) return now + secondsOf(body['ttl']) * 1000;
  const { expireTime } = body;
  if (expireTime === undefined) return undefined;
  return typeof expireTime === 'string' ? Date.parse(expireTime) : NaN;
}

/** Seconds of a protobuf duration in JSON: `300s`, `3.5s`. */
function secondsOf(ttl: JsonValue): number {
  const digits = typeof ttl === 'string' ? /^(\d+(?:\.\d{1,9})?)s$/.exec(ttl)?.[1] : undefined;
  return digits === undefined ? NaN : Number(digits);
}

import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/gateway-error.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { Provider } from '../core/provider.js';

/** What the upstream made. */
export interface MadeContext {
  /** `cachedContents/…` */
  readonly name: string;
  /** As the upstream counts; undefined where it does not say. */
  readonly tokens: number | undefined;
}

const PATH = '/v1beta/cachedContents';
const PATIENCE_MS = 60_000;
const MAX_ANSWER_BYTES = 1_048_576;

/** Makes, prolongs and drops cached contents of a project on the Developer API. Methods reject where it refuses. */
export class ContextCacheClient {
  constructor(private readonly clock: Clock) {}

  /** `model` is what the upstream calls it, without `models/`. */
  async make(provider: Provider, model: string, body: JsonObject, ttlMs: number): Promise<MadeContext> {
    const made = await this.#ask(provider, 'POST', PATH, {
      ...body,
      model: `models/${model}`,
      ttl: seconds(ttlMs),
    });
    const { name, usageMetadata } = made;
    if (typeof name !== 'string' || !/^cachedContents\/[\w-]+$/.test(name))
      throw new GatewayError('UPSTREAM_PROTOCOL', 'The upstream did not name the cached content it made.');
    const count = isJsonObject(usageMetadata) ? usageMetadata['totalTokenCount'] : undefined;
    return { name, tokens: typeof count === 'number' ? count : undefined };
  }

  async prolong(provider: Provider, name: string, ttlMs: number): Promise<void> {
    await this.#ask(provider, 'PATCH', `/v1beta/${name}?updateMask=ttl`, { ttl: seconds(ttlMs) });
  }

  async drop(provider: Provider, name: string): Promise<void> {
    await this.#ask(provider, 'DELETE', `/v1beta/${name}`);
  }

  async #ask(provider: Provider, method: string, path: string, body?: JsonObject): Promise<JsonObject> {
    const abort = new AbortController();
    const timer = this.clock.after(PATIENCE_MS, () => abort.abort());
    try {
      const response = await provider.forward?.({
        method,
        path,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? undefined : bytesOf(JSON.stringify(body)),
        signal: abort.signal,
      });
      if (response === undefined) throw new GatewayError('UNIMPLEMENTED', 'The project keeps no contents.');
      const text = await textOf(response.body);
      if (response.status !== 200)
        throw new GatewayError('UPSTREAM_UNAVAILABLE', `The upstream answered ${response.status}.`);
      const answer: unknown = JSON.parse(text);
      return isJsonObject(answer) ? answer : {};
    } finally {
      timer.clear();
    }
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)}s`;
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new GatewayError('UPSTREAM_PROTOCOL', 'The upstream said too much.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

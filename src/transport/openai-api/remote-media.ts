import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { ConfigStore } from '../../config/config-store.js';
import { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { RemotePart } from '../shared/conversation.js';
import { MediaNetwork } from './media-network.js';
import { type MediaFetchConfig, OpenAiApiConfig } from './openai-api.config.js';
import { isPrivateHost } from '../shared/public-url.js';
import { invalid, unsupported } from '../shared/request-fields.js';

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 16;
const MAX_MEDIA = 32;
const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+/;

/** A name with an address that may not be connected to. */
class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError';
}

/** What the reading of one request's media shares. */
interface Reading {
  readonly settings: Readonly<MediaFetchConfig>;
  readonly agent: Agent;
  /** Addresses that names were found to have, all of them public. Connections go to these and to no other. */
  readonly addresses: Map<string, readonly LookupAddress[]>;
  readonly signal: AbortSignal;
  leftBytes: number;
}

/**
 * Reads images and files of hosts that the configuration allows, within bounds of size and time. A name is resolved once,
 * and connections go to the very addresses that were looked at: none of them may be private, loopback, link-local or
 * otherwise special. Each redirect is looked at like the first URL.
 */
@Injectable()
export class RemoteMedia {
  constructor(
    private readonly store: ConfigStore,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(MediaNetwork) private readonly network: MediaNetwork,
  ) {}

  /** Whether media of that URL are read here. */
  reads(url: URL): boolean {
    return allows(this.#settings.allowHosts, url);
  }

  /** Puts what the URLs hold in place of them. Throws INVALID_REQUEST for what cannot be read. */
  async read(remote: readonly RemotePart[], signal: AbortSignal): Promise<void> {
    if (remote.length === 0) return;
    if (remote.length > MAX_MEDIA)
      throw invalid(
        remote[MAX_MEDIA]?.path ?? '',
        `is one of more than ${MAX_MEDIA} that would have to be read`,
      );
    const settings = this.#settings;
    const bound = new AbortController();
    const timer = this.clock.after(settings.timeoutMs, () => bound.abort());
    const addresses: Reading['addresses'] = new Map();
    const reading: Reading = {
      settings,
      addresses,
      agent: this.#agent(addresses),
      signal: AbortSignal.any([signal, bound.signal]),
      leftBytes: settings.maxBytes,
    };
    try {
      await Promise.all(
        remote.map((one) =>
          this.#readOne(one, reading).catch((thrown: unknown) => {
            throw failureOf(thrown, one.path, signal, bound.signal);
          }),
        ),
      );
    } finally {
      timer.clear();
      // One that failed ends the others.
      await reading.agent.destroy();
    }
  }

  get #settings(): Readonly<MediaFetchConfig> {
    return this.store.current().get(OpenAiApiConfig).imageFetch;
  }

  #agent(addresses: Reading['addresses']): Agent {
    const lookup: LookupFunction = (host, options, callback) => {
      const found = addresses.get(host) ?? [];
      const [first] = found;
      if (first === undefined) callback(new PrivateAddressError('No address was looked at.'), '', 0);
      else if (options.all === true) callback(null, [...found]);
      else callback(null, first.address, first.family);
    };
    return new Agent({
      connect: { ...this.network.tls, lookup, timeout: CONNECT_TIMEOUT_MS },
      connections: MAX_CONNECTIONS,
      pipelining: 1,
      allowH2: false,
    });
  }

  async #readOne({ part, url, path, family }: RemotePart, reading: Reading): Promise<void> {
    const { headers, body } = await this.#open(url, path, reading);
    const mimeType = MEDIA_TYPE.exec(textOf(headers['content-type']))?.[0].toLowerCase();
    if (mimeType === undefined || !mimeType.startsWith(family))
      throw invalid(path, `is no ${family === '' ? 'file of a known type' : 'image'}`);
    const pieces: Buffer[] = [];
    for await (const piece of body as AsyncIterable<Buffer>) {
      reading.leftBytes -= piece.length;
      // Leaving the loop closes the connection.
      if (reading.leftBytes < 0)
        throw invalid(path, `makes more than ${reading.settings.maxBytes} bytes to be read`);
      pieces.push(piece);
    }
    if (pieces.length === 0) throw invalid(path, 'is empty');
    delete part.fileData;
    part.inlineData = { mimeType, data: Buffer.concat(pieces).toString('base64') };
  }

  /** Follows redirects to an answer of 200. */
  async #open(first: URL, path: string, reading: Reading): Promise<Dispatcher.ResponseData> {
    let url = first;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      await this.#look(url.hostname, reading);
      const answer = await reading.agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers: { accept: '*/*', 'accept-encoding': 'identity' },
        signal: reading.signal,
      });
      if (answer.statusCode === 200 && !isCompressed(answer)) return answer;
      leave(answer.body);
      if (answer.statusCode === 200) throw invalid(path, 'comes compressed, which it was asked not to');
      if (!REDIRECTS.has(answer.statusCode))
        throw invalid(path, `cannot be read: its host answered ${answer.statusCode}`);
      const next = URL.parse(textOf(answer.headers.location), url.href);
      if (next === null || !allows(reading.settings.allowHosts, next))
        throw unsupported(path, 'it leads to a host that is not read');
      url = next;
    }
    throw invalid(path, `leads on more than ${MAX_REDIRECTS} times`);
  }

  /** Resolves a name once, and looks at every address that it has. */
  async #look(host: string, { addresses, signal }: Reading): Promise<void> {
    if (addresses.has(host)) return;
    const found = await orAborted(this.network.resolve(host), signal);
    if (!found.every((address) => this.network.isPublic(address)))
      throw new PrivateAddressError('The name has an address that is not public.');
    addresses.set(
      host,
      found.map((address) => ({ address, family: isIP(address) })),
    );
  }
}

/** Whether the configuration allows a URL: https, without credentials, of a host that it names. */
function allows(hosts: readonly string[], { protocol, username, password, host, hostname }: URL): boolean {
  if (protocol !== 'https:' || username !== '' || password !== '' || isPrivateHost(hostname)) return false;
  return hosts.some((allowed) =>
    allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed,
  );
}

function failureOf(thrown: unknown, path: string, caller: AbortSignal, bound: AbortSignal): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (caller.aborted) return GatewayError.from(caller.reason);
  if (thrown instanceof PrivateAddressError) return unsupported(path, 'its host is not public');
  return invalid(path, bound.aborted ? 'was not read in time' : 'cannot be read: its host does not answer');
}

/** The system’s resolver knows no signal: what it says after one is not waited for. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error('The reading was given up.'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Leaves a body unread; what it says to that is nobody's business. */
function leave(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => undefined).destroy();
}

function isCompressed({ headers }: Dispatcher.ResponseData): boolean {
  return !['', 'identity'].includes(textOf(headers['content-encoding']));
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.[0] ?? '');
}

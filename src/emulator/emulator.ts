import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Clock, systemClock } from '../core/clock.js';
import { Callers, credentialOf } from './callers.js';
import { controlWing } from './control.js';
import type { Exchange, Wing } from './exchange.js';
import { htmlNotFound, JSON_TYPE, type Refusal, refusal } from './google-errors.js';
import { Ledger } from './ledger.js';
import { ModelCalls } from './model-calls.js';
import { type QuotaRule, Quotas } from './quotas.js';
import { modelRoute } from './routes.js';
import type { Scenario } from './scenario.js';
import { Scenarios } from './scenarios.js';
import { ServiceAccounts } from './service-accounts.js';
import { surroundings, type SurroundingsSettings } from './surroundings.js';
import { TokenRegistry } from './tokens.js';

/** How an emulator is set up. */
export interface EmulatorOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** `127.0.0.1` by default. */
  readonly host?: string;
  /** Answers and signatures are the same for the same seed. */
  readonly seed?: number;
  readonly clock?: Clock;
  readonly quotas?: readonly QuotaRule[];
  /** The API keys that exist; every key that is not empty does when this is absent. */
  readonly apiKeys?: readonly string[];
  /** Projects of keys. A key that is not named is a project of its own. */
  readonly keyProjects?: Readonly<Record<string, string>>;
  /** Pace and size of generated answers for which there is no scenario. */
  readonly pace?: Pick<
    Scenario,
    'delayMs' | 'firstChunkDelayMs' | 'chunkDelayMs' | 'chunks' | 'chunkText' | 'chunkSize'
  >;
  /** Token life, batch and file delays of what stands around the models. */
  readonly surroundings?: SurroundingsSettings;
}

/** A running emulator. */
export interface Emulator {
  /** `http://host:port`. */
  readonly url: string;
  readonly port: number;
  readonly ledger: Ledger;
  readonly scenarios: Scenarios;
  readonly quotas: Quotas;
  /** Access tokens that Vertex calls are accepted with. */
  readonly tokens: TokenRegistry;
  /** Accounts whose assertions the token endpoint accepts. */
  readonly serviceAccounts: ServiceAccounts;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

/** Paths of the Developer API beside the models, which want a key as well. Upload sessions are their own key. */
const KEYED_PATH = /^(?:\/upload)?\/v1(?:alpha|beta)?\/(?:files|cachedContents|batches|models)(?:[/:]|$)/;
/** Paths of Vertex beside the models, which want a token. */
const VERTEX_PATH = /^\/v1(?:beta1)?\/projects\/([^/]+)\/locations\/[^/]+\/cachedContents(?:\/|$)/;
/** Longer than any client keeps a connection, so that none is closed under a request. */
const KEEP_ALIVE_MS = 620_000;

/** Starts an emulator. Rejects when the address cannot be taken. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { host = '127.0.0.1', seed = 0, clock = systemClock, apiKeys, keyProjects = {}, pace = {} } = options;
  const ledger = new Ledger();
  const scenarios = new Scenarios();
  const quotas = new Quotas(clock, options.quotas ?? []);
  const tokens = new TokenRegistry(clock);
  const serviceAccounts = new ServiceAccounts();
  const callers = new Callers({ tokens, apiKeys, keyProjects });
  const { wings, cachedTokens } = surroundings({
    clock,
    seed,
    tokens,
    serviceAccounts,
    settings: options.surroundings ?? {},
  });
  const calls = new ModelCalls({ clock, seed, callers, ledger, quotas, scenarios, cachedTokens, pace });
  const others = new OtherRoutes(callers, [...wings, controlWing({ scenarios, ledger, quotas })]);
  const server = createServer((req, res) => {
    const route = modelRoute(req.method ?? '', req.url ?? '');
    if (route === undefined) others.handle(req, res);
    else readBody(req, (body) => guarded(res, () => calls.answer(route, req, res, body)));
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    ledger,
    scenarios,
    quotas,
    tokens,
    serviceAccounts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Everything that is no method of a model. */
class OtherRoutes {
  constructor(
    private readonly callers: Callers,
    private readonly wings: readonly Wing[],
  ) {}

  handle(req: IncomingMessage, res: ServerResponse): void {
    this.offer(exchangeOf(req, res)).catch((error: unknown) => fail(res, error));
  }

  private async offer(exchange: Exchange): Promise<void> {
    const { path, query, req, res } = exchange;
    const project = VERTEX_PATH.exec(path)?.[1];
    if (project !== undefined || (KEYED_PATH.test(path) && !query.has('upload_id'))) {
      const api = project === undefined ? 'developer' : 'vertex';
      const caller = this.callers.identify(credentialOf(req.headers, query), api, project ?? '');
      if ('status' in caller) return send(res, caller);
    }
    for (const wing of this.wings) if (await wing(exchange)) return;
    send(res, htmlNotFound);
  }
}

function exchangeOf(req: IncomingMessage, res: ServerResponse): Exchange {
  const url = req.url ?? '/';
  const mark = url.indexOf('?');
  return {
    method: req.method ?? '',
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    origin: `http://${req.headers.host ?? 'localhost'}`,
    req,
    res,
    readBody: () =>
      new Promise((resolve, reject) => {
        req.once('error', reject);
        readBody(req, resolve);
      }),
  };
}

function readBody(req: IncomingMessage, done: (body: Buffer) => void): void {
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  req.on('data', (chunk: Buffer) => {
    if (first === undefined) first = chunk;
    else (rest ??= [first]).push(chunk);
  });
  req.on('end', () => done(rest === undefined ? (first ?? NOTHING) : Buffer.concat(rest)));
}

const NOTHING = Buffer.alloc(0);

function guarded(res: ServerResponse, go: () => void): void {
  try {
    go();
  } catch (error) {
    fail(res, error);
  }
}

function send(res: ServerResponse, { status, body, contentType }: Refusal): void {
  res.writeHead(status, { 'content-type': contentType });
  res.end(body);
}

/** A fault of the emulator itself: told to the caller, who is its developer. */
function fail(res: ServerResponse, error: unknown): void {
  if (res.headersSent || res.destroyed) res.destroy();
  else {
    const text = error instanceof Error ? (error.stack ?? error.message) : 'unknown';
    send(res, { ...refusal('fault', 500, `The emulator failed: ${text}`), contentType: JSON_TYPE });
  }
}

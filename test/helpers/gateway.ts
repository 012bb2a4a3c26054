import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Agent, request, type Dispatcher } from 'undici';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../src/emulator/emulator.js';
import type { LedgerEntry } from '../../src/emulator/ledger.js';
import { startGateway, type Gateway } from '../../src/gateway.js';

/** Key that every gateway under test accepts, with all rights. */
export const TEST_KEY = 'test-key-with-all-rights';

/** A gateway in front of an emulator, both over real sockets on ports of their own. */
export interface GatewayUnderTest {
  readonly gateway: Gateway;
  readonly emulator: Emulator;
  readonly url: string;
  /** Address of its gRPC surface. */
  readonly grpcAddress: string;
  /** What the emulator saw of calls to models; the gateway's own look at the models is left out. */
  upstreamCalls(): readonly LedgerEntry[];
  /** Directory of its configuration; files written there are taken up by reload. */
  readonly directory: string;
  /** Log lines so far, parsed. */
  readonly logs: Record<string, unknown>[];
  /** Log text so far, for looking for what must not be there. */
  logText(): string;
  /** A request with the test key. `body` is sent as JSON unless it is a text. */
  call(path: string, body?: unknown, options?: CallOptions): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

/** What may differ in a request. */
export interface CallOptions {
  readonly method?: Dispatcher.HttpMethod;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** What may differ in a gateway under test. */
export interface GatewayUnderTestOptions {
  /** YAML of gateway.yaml; `${emulator}` stands for the emulator's URL. */
  readonly config?: string | ((emulator: Emulator) => Promise<string>);
  readonly emulator?: EmulatorOptions;
  readonly environment?: Record<string, string>;
}

/** One project on the emulator and a task for each of two models. */
export const DEFAULT_CONFIG = `
models:
  gemini-3.8-flash: {}
  gemini-3.5-flash-lite: {}
  gemini-2.5-flash: {}
  gemini-embedding-001: { inputModalities: [text], outputModalities: [] }
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
tasks:
  chat: { models: [gemini-3.8-flash] }
  summary: { models: [gemini-3.5-flash-lite, gemini-3.8-flash] }
`;

// The logger is one per process, whatever stream a later gateway is given: every open gateway sees every line.
const logReaders = new Set<(text: string) => void>();
const logTo = new Writable({
  write(chunk: Buffer, _encoding, done) {
    for (const read of logReaders) read(chunk.toString());
    done();
  },
});

/** Starts an emulator and a gateway that uses it. Close it after the tests. */
export async function gatewayUnderTest(options: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
  const emulator = await startEmulator(options.emulator);
  const directory = await mkdtemp(join(tmpdir(), 'gateway-test-'));
  const { config = DEFAULT_CONFIG } = options;
  const yaml = typeof config === 'string' ? config : await config(emulator);
  await writeFile(join(directory, 'gateway.yaml'), yaml.replaceAll('${emulator}', emulator.url));
  let text = '';
  const readLog = (chunk: string): void => void (text += chunk);
  logReaders.add(readLog);
  const gateway = await startGateway({
    environment: {
      PORT: '0',
      GRPC_PORT: '0',
      GATEWAY_BOOTSTRAP_KEY: TEST_KEY,
      UPSTREAM_KEY: 'upstream-key',
      GATEWAY__SERVER__HOST: '127.0.0.1',
      GATEWAY__SERVER__DRAIN_TIMEOUT_MS: '1000',
      ...options.environment,
    },
    directory,
    logTo,
  }).catch(async (thrown: unknown) => {
    // An emulator that is left open keeps the test runner from ending.
    await emulator.close();
    throw thrown;
  });
  const agent = new Agent();
  return {
    gateway,
    emulator,
    directory,
    url: gateway.url,
    grpcAddress: gateway.grpcAddress ?? '',
    get logs() {
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    upstreamCalls: () => emulator.ledger.calls.filter(({ model }) => model !== ''),
    logText: () => text,
    call: (path, body, { method, headers, signal } = {}) =>
      request(gateway.url + path, {
        dispatcher: agent,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json', ...headers },
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
        ...(signal === undefined ? {} : { signal }),
      }),
    async close() {
      await gateway.stop();
      logReaders.delete(readLog);
      await emulator.close();
      await agent.destroy();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

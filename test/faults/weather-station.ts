import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../helpers/gateway.js';
import { ask, type Seen } from './one-call.js';

const MODEL = 'gemini-3.8-flash';
const ANSWER_TEXT = 'fair weather';
/** Largest event that the gateway takes from the upstream. */
export const MAX_EVENT_BYTES = 6_000_000;
const MAX_IDLE_CONNECTIONS = 2;

/** A gateway before one upstream that answers as a test likes. */
export interface WeatherStation {
  readonly under: GatewayUnderTest;
  /** Makes a call. */
  ask(stream: boolean): Promise<Seen>;
  close(): Promise<void>;
}

/** Starts a gateway whose only project is at a URL. */
export async function weatherStation(url: string): Promise<WeatherStation> {
  const under = await gatewayUnderTest({
    config: () => Promise.resolve(configOf(url)),
    environment: { GATEWAY__SERVER__DRAIN_TIMEOUT_MS: '5000' },
  });
  let made = 0;
  return {
    under,
    ask: (stream) =>
      ask(under, { id: `weather-${(made += 1)}`, model: MODEL, prompt: 'the weather?', stream }),
    close: () => under.close(),
  };
}

function configOf(url: string): string {
  return `
models: { ${MODEL}: {} }
projects:
  - id: weather
    provider: gemini
    baseUrl: ${url}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
    timeouts: { connectMs: 400, firstEventMs: 400, idleGapMs: 300, totalMs: 1200 }
    connections: { maxEventBytes: ${MAX_EVENT_BYTES} }
resilience:
  backoffMs: 5
  maxBackoffMs: 20
  breaker: { openMs: 20, maxOpenMs: 20 }
`;
}

/** How an upstream answers one call to a model. */
export type Weather = (res: ServerResponse) => void;

/** An upstream of plain HTTP whose weather changes. */
export class PlainUpstream {
  weather: Weather = fair;
  /** Calls to models so far. */
  calls = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<PlainUpstream> {
    const server = createServer((req, res) => {
      req.resume().once('end', () => upstream.#answer(req.method === 'POST', res));
    });
    const upstream = new PlainUpstream(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves once the gateway holds no connection that it does not need. */
  async letGo(): Promise<void> {
    const open = (): Promise<number> =>
      new Promise((resolve) => this.server.getConnections((_error, count) => resolve(count)));
    await eventually(async () => (await open()) <= MAX_IDLE_CONNECTIONS, 'the end of idle connections');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  #answer(called: boolean, res: ServerResponse): void {
    if (!called) {
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"models":[]}');
      return;
    }
    this.calls += 1;
    this.weather(res);
  }
}

/** The JSON of an answer with a text, or of an event that is none's last. */
export function answerJson(text: string, last = true): string {
  return JSON.stringify({
    candidates: [
      { content: { role: 'model', parts: [{ text }] }, ...(last ? { finishReason: 'STOP' } : {}) },
    ],
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2 },
    modelVersion: MODEL,
  });
}

/** One event of a stream. */
export const sse = (json: string): string => `data: ${json}\r\n\r\n`;

/** Whether the call asked for a stream. */
export const wantsStream = (res: ServerResponse): boolean => res.req.url?.includes('alt=sse') === true;

/** Begins an answer in the form that was asked for. */
export function begin(res: ServerResponse, headers: Record<string, string> = {}): ServerResponse {
  const type = wantsStream(res) ? 'text/event-stream' : 'application/json';
  return res.writeHead(200, { 'content-type': type, ...headers });
}

/** Answers as it should be. */
export const fair: Weather = (res) => {
  const json = answerJson(ANSWER_TEXT);
  begin(res).end(wantsStream(res) ? sse(json) : json);
};

/** Whether a call was answered as it should be. */
export const isFair = ({ reason, text }: Seen): boolean => reason === undefined && text === ANSWER_TEXT;

import { sendJson, type Exchange } from './exchange.js';
import type { InvalidChatRequest } from './openai-request.js';
import type { OpenAiCall, OpenAiFault } from './openai-scripts.js';

interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
}

const error = (message: string, type: string, code: string | null = null): OpenAiError => ({
  message,
  type,
  code,
  param: null,
});

const FAILURES: Readonly<Record<number, OpenAiError>> = {
  401: error('Incorrect API key provided.', 'invalid_request_error', 'invalid_api_key'),
  429: error('Rate limit reached for requests. Please try again later.', 'requests', 'rate_limit_exceeded'),
  503: error('The engine is currently overloaded, please try again later.', 'server_error'),
};
const SERVER_ERROR = error(
  'The server had an error while processing your request. Sorry about that!',
  'server_error',
);

/** The answer to one call in OpenAI's shapes, which keeps the call's record. */
export class OpenAiReply {
  private wasReset = false;

  constructor(
    private readonly exchange: Exchange,
    readonly call: OpenAiCall,
  ) {
    const { res } = exchange;
    res.on('close', () => {
      call.aborted = !this.wasReset && !res.writableFinished;
    });
  }

  /** A whole answer, unless the fault prevents it. */
  send(body: object, fault: OpenAiFault | undefined): void {
    if (fault === 'reset') this.reset();
    else if (fault !== 'stall') this.json(200, body);
  }

  /** Server-sent events up to `[DONE]`, as far as the fault lets them come. */
  stream(chunks: readonly object[], fault: OpenAiFault | undefined): void {
    const { res } = this.exchange;
    this.call.status = 200;
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    const isCut = fault === 'reset' || fault === 'stall';
    for (const chunk of isCut ? chunks.slice(0, 1) : chunks) {
      res.write(`data: ${JSON.stringify(chunk)}\n\n`, fault === 'reset' ? () => this.reset() : undefined);
      this.call.chunks += 1;
    }
    if (fault === undefined) res.end('data: [DONE]\n\n');
    else if (fault === 'no-done') res.end();
  }

  /** The failure of an HTTP status; `retryAfterSeconds` goes with those that ask to wait. */
  refuse(status: number, retryAfterSeconds: number): void {
    const waits = status === 429 || status === 503;
    this.json(
      status,
      { error: FAILURES[status] ?? SERVER_ERROR },
      waits ? { 'retry-after': String(retryAfterSeconds) } : {},
    );
  }

  /** 400 about a field. */
  refuseRequest({ message, param }: InvalidChatRequest): void {
    this.json(400, { error: { ...error(message, 'invalid_request_error'), param } });
  }

  private json(status: number, body: object, headers: Record<string, string> = {}): void {
    this.call.status = status;
    sendJson(this.exchange, status, body, headers);
  }

  private reset(): void {
    this.wasReset = true;
    this.exchange.res.destroy();
  }
}

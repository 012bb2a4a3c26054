import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { PinoLogger } from 'nestjs-pino';
import type { SecretStore } from '../config/secrets.js';
import type { Clock } from '../core/clock.js';
import type { TracesConfig } from './traces.config.js';

const EXPORT_TIMEOUT_MS = 10_000;
const SIGNAL_PATH = '/v1/traces';
const LOG_INTERVAL_MS = 60_000;

type Done = Parameters<SpanExporter['export']>[1];

/**
 * Sends spans to an OTLP receiver, counts what came of them, and says at most once a minute that it cannot. Each
 * batch is tried again for some seconds and then lost.
 */
export class SpanExport implements SpanExporter {
  exported = 0;
  failed = 0;
  readonly #exporter: OTLPTraceExporter;
  #agent: HttpAgent | undefined;
  #cut = false;
  #toldMs = -Infinity;

  constructor(
    endpoint: string,
    config: TracesConfig,
    secrets: SecretStore,
    private readonly clock: Clock,
    private readonly logger: Pick<PinoLogger, 'warn'>,
  ) {
    const headers = Object.entries(config.headers).map(
      ([name, { secret }]) => [name, secrets.watch(secret)] as const,
    );
    this.#exporter = new OTLPTraceExporter({
      url: urlOf(endpoint),
      timeoutMillis: EXPORT_TIMEOUT_MS,
      headers: () => {
        if (this.#cut) return Promise.reject(new Error('The gateway is closed.'));
        return Promise.resolve(Object.fromEntries(headers.map(([name, secret]) => [name, secret.current()])));
      },
      httpAgentOptions: (protocol) => {
        const settings = { keepAlive: true };
        this.#agent = protocol === 'https:' ? new HttpsAgent(settings) : new HttpAgent(settings);
        return this.#agent;
      },
    });
  }

  export(spans: ReadableSpan[], done: Done): void {
    this.#exporter.export(spans, (result) => {
      if (result.error === undefined) this.exported += spans.length;
      else {
        this.failed += spans.length;
        this.#tell(result.error);
      }
      done(result);
    });
  }

  /** Resolves once what was given is sent or lost. */
  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  /** Gives up whatever is still being sent, so many spans. For good. */
  cut(lost: number): void {
    if (lost > 0) this.logger.warn({ spans_lost: lost }, 'the last spans could not be sent in time');
    this.#cut = true;
    this.#agent?.destroy();
  }

  #tell(error: Error): void {
    const nowMs = this.clock.monotonicMs();
    if (this.#cut || nowMs - this.#toldMs < LOG_INTERVAL_MS) return;
    this.#toldMs = nowMs;
    this.logger.warn({ spans_lost: this.failed }, `spans cannot be exported: ${error.message}`);
  }
}

function urlOf(endpoint: string): string {
  const base = endpoint.replace(/\/+$/, '');
  return base.endsWith(SIGNAL_PATH) ? base : `${base}${SIGNAL_PATH}`;
}

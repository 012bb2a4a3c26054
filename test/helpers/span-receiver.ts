import type { ServerResponse } from 'node:http';
import { startUpstream, type HttpUpstream } from './http-upstream.js';

/** A span as a receiver gets it. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** Nanoseconds since the epoch. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number };
  readonly resource: Readonly<Record<string, unknown>>;
}

/** OTLP's numbers for what a span is. */
export const SPAN_KINDS = { server: 2, client: 3 } as const;
/** OTLP's number for a span that failed. */
export const STATUS_ERROR = 2;

/** A receiver of OTLP over HTTP. */
export interface SpanReceiver extends HttpUpstream {
  /** Every span received so far. */
  spans(): ReceivedSpan[];
}

/** Starts one on a free port. It takes everything unless told how to answer. */
export async function startSpanReceiver(
  answer: (res: ServerResponse) => void = (res) =>
    void res.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
): Promise<SpanReceiver> {
  const upstream = await startUpstream(answer);
  return { ...upstream, spans: () => upstream.requests.flatMap(({ body }) => spansIn(body)) };
}

interface Attribute {
  readonly key: string;
  readonly value: AnyValue;
}

interface AnyValue {
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly [kind: string]: unknown;
}

interface WireSpan extends Omit<ReceivedSpan, 'attributes' | 'start' | 'end' | 'resource'> {
  readonly attributes: readonly Attribute[];
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

interface WireSpans {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

function spansIn(body: string): ReceivedSpan[] {
  return (JSON.parse(body) as WireSpans).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, attributes, ...span }) => ({
        ...span,
        start: BigInt(startTimeUnixNano),
        end: BigInt(endTimeUnixNano),
        attributes: valuesOf(attributes),
        resource: valuesOf(resource.attributes),
      })),
    ),
  );
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(valueOf);
  return Object.values(value)[0];
}

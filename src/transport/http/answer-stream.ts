import type { FastifyReply } from 'fastify';
import { GatewayError } from '../../core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../core/generation.js';

/** How a surface writes a streamed answer. */
export interface StreamFraming {
  readonly contentType: string;
  /** Written before the first event; empty for none. */
  readonly opening: string;
  /** The frame for an event; empty for events that the surface does not show. */
  event(event: GenerationEvent): string;
  /** The terminal frame of an answer that failed after its first byte. */
  failure(error: GatewayError): string;
  /** Written after the last event of an answer that completed; empty for none. */
  readonly closing: string;
}

/**
 * Writes a generation as it comes, no faster than the caller reads. The first event is known when this is
 * called, so the status is 200; whatever fails later becomes one terminal frame.
 */
export async function writeStream(
  reply: FastifyReply,
  generation: Generation,
  headers: Readonly<Record<string, string>>,
  framing: StreamFraming,
): Promise<void> {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, {
    ...headers,
    'content-type': framing.contentType,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  let tail = framing.closing;
  try {
    if (framing.opening !== '') raw.write(framing.opening);
    for await (const event of generation.events) {
      const frame = framing.event(event);
      if (frame !== '' && !raw.write(frame)) await drained(raw);
      // Leaving the loop returns the iterator, and so cancels the upstream.
      if (raw.destroyed) return;
    }
  } catch (thrown) {
    tail = framing.failure(GatewayError.from(thrown));
  }
  raw.end(tail);
}

function drained(raw: FastifyReply['raw']): Promise<void> {
  if (raw.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done);
      raw.off('close', done);
      resolve();
    };
    raw.on('drain', done);
    raw.on('close', done);
  });
}

import { CALL_TIMEOUT_MS } from './fault-rig.js';
import { restEvents, streamedText, type RestEvent } from '../helpers/rest-answers.js';
import type { GatewayUnderTest } from '../helpers/gateway.js';

/** Later than its deadline a call hangs. */
export const HANG_MS = CALL_TIMEOUT_MS + 1_500;

/** What the caller of one call saw. */
export interface Seen {
  readonly tookMs: number;
  /** Why there was no answer, or no more of it; `none` where not even that was said. */
  readonly reason?: string;
  readonly text: string;
  /** Wall time of the first piece of a streamed answer. */
  readonly firstPieceAtMs?: number;
  /** What was wrong with the form of the answer. */
  readonly malformed?: string;
}

/** What is asked for. */
export interface Question {
  /** Under which the call is found again in the log. */
  readonly id: string;
  readonly model: string;
  readonly prompt: string;
  readonly stream: boolean;
}

/** Makes one call over REST and takes whatever comes of it, also nothing. */
export async function ask(under: Pick<GatewayUnderTest, 'call'>, { id, ...body }: Question): Promise<Seen> {
  const startedMs = performance.now();
  let firstPieceAtMs: number | undefined;
  const seen = (what: Omit<Seen, 'tookMs'>): Seen => ({
    ...what,
    tookMs: performance.now() - startedMs,
    ...(firstPieceAtMs === undefined ? {} : { firstPieceAtMs }),
  });
  try {
    const response = await under.call(
      '/v1/generate',
      { ...body, timeoutMs: CALL_TIMEOUT_MS },
      { headers: { 'x-request-id': id }, signal: AbortSignal.timeout(HANG_MS) },
    );
    let received = '';
    const streamed = String(response.headers['content-type']).startsWith('text/event-stream');
    for await (const bytes of response.body.setEncoding('utf8')) {
      if (streamed) firstPieceAtMs ??= Date.now();
      received += String(bytes);
    }
    if (streamed) return seen(eventsSeen(restEvents(received)));
    const { code, text = '' } = JSON.parse(received) as { code?: string; text?: string };
    return seen({ text, ...(code === undefined ? {} : { reason: code }) });
  } catch (thrown) {
    return seen({ text: '', reason: 'none', malformed: String(thrown) });
  }
}

function eventsSeen(events: readonly RestEvent[]): Pick<Seen, 'text' | 'reason' | 'malformed'> {
  const ends = events.filter(({ event }) => event !== 'delta');
  const last = events.at(-1);
  const text = streamedText(events);
  if (ends.length !== 1 || ends[0] !== last) return { text, malformed: 'not one end, or not at the end' };
  return last?.event === 'error' ? { text, reason: String(last.data['code']) } : { text };
}

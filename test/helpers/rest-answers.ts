import type { Dispatcher } from 'undici';

/** A JSON answer as it came. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
  /** The document; empty where the body is none. */
  readonly json: Record<string, unknown>;
}

/** Reads an answer to its end. */
export async function jsonOf(response: Promise<Dispatcher.ResponseData>): Promise<JsonAnswer> {
  const { statusCode, headers, body } = await response;
  const text = await body.text();
  const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: statusCode, headers, text, json };
}

/** One server-sent event of the REST surface. */
export interface RestEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The events of a streamed answer. Throws for a body that is not made of whole events. */
export function restEvents(text: string): RestEvent[] {
  const blocks = text.split('\n\n');
  if (blocks.pop() !== '') throw new Error('the last event is not terminated');
  return blocks.map((block) => {
    const match = /^event: (\w+)\ndata: (.*)$/.exec(block);
    if (match === null) throw new Error(`this is no event: ${block.slice(0, 80)}`);
    return { event: match[1] ?? '', data: JSON.parse(match[2] ?? '') as Record<string, unknown> };
  });
}

/** All text that the events carry. */
export function streamedText(events: readonly RestEvent[]): string {
  return events.map(({ data: { text } }) => (typeof text === 'string' ? text : '')).join('');
}

import type { GatewayError } from '../../core/gateway-error.js';
import type { ChunkEvent, GenerationEvent } from '../../core/generation.js';
import type { StreamFraming } from '../http/answer-stream.js';
import { googleErrorBody } from './gemini-api.surface.js';

/** The text of a chunk as the upstream wrote it, or as a policy made it. */
export function textOfChunk(chunk: ChunkEvent): string {
  return chunk.text ?? JSON.stringify(chunk.value);
}

/** `alt=sse`: one event for each chunk, CRLF, no terminator but the end; a failure is one last event. */
export function sseFraming(requestId: string): StreamFraming {
  return {
    contentType: 'text/event-stream',
    opening: '',
    closing: '',
    event: (event) => (event.type === 'chunk' ? sseEvent(textOfChunk(event)) : ''),
    failure: (error) => sseEvent(JSON.stringify(googleErrorBody(error, requestId))),
  };
}

/** Without `alt=sse`: one JSON array, written element by element; a failure is its last element. */
export function arrayFraming(requestId: string): StreamFraming {
  let written = 0;
  const element = (text: string): string => `${written++ === 0 ? '' : ',\r\n'}${text}`;
  return {
    contentType: 'application/json; charset=UTF-8',
    opening: '[',
    closing: ']',
    event: (event: GenerationEvent) => (event.type === 'chunk' ? element(textOfChunk(event)) : ''),
    failure: (error: GatewayError) => `${element(JSON.stringify(googleErrorBody(error, requestId)))}]`,
  };
}

/** A text of several lines takes a `data:` for each. */
function sseEvent(text: string): string {
  const data = text.includes('\n') ? text.replaceAll(/\r?\n/g, '\r\ndata: ') : text;
  return `data: ${data}\r\n\r\n`;
}

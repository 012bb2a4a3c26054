import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { ChunkEvent } from '../../../../src/core/generation.js';
import { SseReader } from '../../../../src/providers/http/sse.js';
import {
  arrayFraming,
  sseFraming,
  textOfChunk,
} from '../../../../src/transport/gemini-api/gemini-api.framing.js';
import { finishFixture } from '../../../helpers/calls.js';

const chunk = (text: string): ChunkEvent =>
  ({ type: 'chunk', value: JSON.parse(text) as object, text }) as ChunkEvent;
const error = new GatewayError('UPSTREAM_OVERLOADED', 'Busy.');

describe('textOfChunk', () => {
  it('is the text as it came, or the value where a policy made it', () => {
    expect(textOfChunk(chunk('{ "a":1.0 }'))).toBe('{ "a":1.0 }');
    expect(textOfChunk({ type: 'chunk', value: { candidates: [] } })).toBe('{"candidates":[]}');
  });
});

describe('sseFraming', () => {
  const framing = sseFraming('r-1');

  it('writes one event for a chunk and nothing for the finish', () => {
    expect(framing.event(chunk('{"a":1}'))).toBe('data: {"a":1}\r\n\r\n');
    expect(framing.event(finishFixture())).toBe('');
    expect(framing.opening + framing.closing).toBe('');
  });

  it.each(['{\n  "a": 1\n}', '{\r\n  "a": 1\r\n}', '{\n\n"a":\r\n1}\n'])(
    'writes the text %j of several lines so that a reader gets one event of the same value',
    (text) => {
      const events: string[] = [];
      const reader = new SseReader({ onData: (data) => events.push(data) }, 1_000);
      reader.feed(Buffer.from(framing.event(chunk(text)) + framing.event(chunk('{}'))));
      reader.end();
      expect(events.map((data) => JSON.parse(data) as unknown)).toEqual([{ a: 1 }, {}]);
    },
  );

  it('writes a failure as one last event in Google’s shape', () => {
    expect(JSON.parse(framing.failure(error).slice('data: '.length))).toMatchObject({
      error: { code: 503, status: 'UNAVAILABLE', message: 'Busy.' },
    });
    expect(framing.failure(error)).toMatch(/\r\n\r\n$/);
  });
});

describe('arrayFraming', () => {
  const written = (...texts: string[]) => {
    const framing = arrayFraming('r-1');
    return { framing, text: framing.opening + texts.map((text) => framing.event(chunk(text))).join('') };
  };

  it('writes one JSON array whatever the number of chunks', () => {
    for (const texts of [[], ['{"a":1}'], ['{"a":1}', '{\n"b":2}', '{}']]) {
      const { framing, text } = written(...texts);
      expect(JSON.parse(text + framing.event(finishFixture()) + framing.closing)).toEqual(
        texts.map((one) => JSON.parse(one) as unknown),
      );
    }
  });

  it('ends a failed answer as an array whose last element is the error', () => {
    for (const texts of [[], ['{"a":1}']]) {
      const { framing, text } = written(...texts);
      const all = JSON.parse(text + framing.failure(error)) as unknown[];
      expect(all).toHaveLength(texts.length + 1);
      expect(all.at(-1)).toMatchObject({ error: { code: 503 } });
    }
  });
});

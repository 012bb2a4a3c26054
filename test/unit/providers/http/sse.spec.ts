import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { SseReader } from '../../../../src/providers/http/sse.js';

const MAX_EVENT_BYTES = 8_388_608;

/** What a reader makes of bytes cut at these lengths; the last one repeats. */
function read(bytes: Buffer, cuts: readonly number[], maxEventBytes = MAX_EVENT_BYTES) {
  const events: string[] = [];
  const reader = new SseReader({ onData: (text) => events.push(text) }, maxEventBytes);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = cuts[Math.min(turn, cuts.length - 1)] ?? bytes.length;
    reader.feed(bytes.subarray(at, at + size));
    at += size;
  }
  reader.end();
  return { events, stray: reader.stray };
}

const whole = (text: string) => read(Buffer.from(text), [Infinity]);

const data = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.constantFrom('Grüße, 東京 👩‍👩‍👧', '{"text":"a\\n{b"}', '[DONE]', 'é', '{}'),
);

/** A stream in one line ending, with what else may stand between and within events. */
const stream = fc
  .record({
    end: fc.constantFrom('\r\n', '\n', '\r'),
    blocks: fc.array(
      fc.record({
        data,
        before: fc.constantFrom('', 'event: message', 'id: 7', ': a comment', 'retry: 10'),
        space: fc.constantFrom('', ' '),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    bom: fc.boolean(),
    terminated: fc.boolean(),
    stray: fc.constantFrom(
      '',
      '{\n  "error": {\n    "code": 499,\n    "message": "größer"\n  }\n}\n',
      '[{"error":{}}]',
    ),
  })
  .map(({ end, blocks, bom, terminated, stray }) => {
    const texts = blocks.map(
      ({ data, before, space }) => `${before === '' ? '' : before + end}data:${space}${data}${end}`,
    );
    const closed = terminated || stray !== '';
    return {
      bytes: Buffer.from(`${bom ? '\uFEFF' : ''}${texts.join(end)}${closed ? end : ''}${stray}`),
      events: blocks.map(({ data }) => data),
      stray,
    };
  });

describe('SseReader', () => {
  it('makes the same of bytes wherever they are cut', () => {
    const cuts = fc.oneof(
      fc.constant([1]),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 65_536 }).map((size) => [size]),
    );
    fc.assert(
      fc.property(stream, cuts, ({ bytes, events, stray }, sizes) => {
        expect(read(bytes, sizes)).toEqual({ events, stray });
      }),
      { numRuns: 500 },
    );
  });

  it.each(['event: x', 'id: 1', ': note', 'retry: 5', 'unknown: y'])(
    'does not lose an event whose first line is "%s"',
    (line) => {
      expect(whole(`${line}\r\ndata: a\r\n\r\ndata: b\r\n\r\n`).events).toEqual(['a', 'b']);
    },
  );

  it('gives no event for comments and blank lines', () => {
    expect(whole(': keep-alive\n\n\n\n: again\n\n')).toEqual({ events: [], stray: '' });
  });

  it('joins several data lines with LF', () => {
    expect(whole('data: {\r\ndata: }\r\n\r\n').events).toEqual(['{\n}']);
  });

  it('delivers a last event without its blank line, and without its line end', () => {
    expect(whole('data: a\r\n\r\ndata: b\r\n').events).toEqual(['a', 'b']);
    expect(whole('data: a').events).toEqual(['a']);
  });

  it('does not take a document for one that stands within a line', () => {
    expect(whole('data: {"a":1}\n\ndata: x {y\n\n')).toEqual({ events: ['{"a":1}', 'x {y'], stray: '' });
  });

  it('keeps a document at the very beginning apart', () => {
    expect(whole('{"error":{"code":400}}')).toEqual({ events: [], stray: '{"error":{"code":400}}' });
  });

  it('reads a line of 5 MB in pieces of 64 KiB, in time that grows with its length only', () => {
    const line = 'x'.repeat(5 * 1_048_576);
    const began = performance.now();
    expect(read(Buffer.from(`data: ${line}\n\n`), [65_536]).events[0]?.length).toBe(line.length);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('takes an event of just the bound and refuses one beyond it', () => {
    const line = 'data: '.length + 1_000;
    const text = `data: ${'x'.repeat(1_000)}`;
    expect(read(Buffer.from(`${text}\n\n`), [100], line).events).toHaveLength(1);
    expect(() => read(Buffer.from(`${text}yyyyyyyy`), [1], 1_000)).toThrow(
      expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }),
    );
  });

  it('bounds many short lines of one event together', () => {
    const lines = Buffer.from('data: 123456789\n'.repeat(1_000));
    expect(() => read(lines, [64], 2_000)).toThrow(expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }));
  });

  it('bounds what stands outside any event', () => {
    expect(() => read(Buffer.from(`{${'x'.repeat(2_000)}`), [100], 1_000)).toThrow(
      expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }),
    );
  });

  it('does not add up events that were each within the bound', () => {
    expect(read(Buffer.from('data: 123456789\n\n'.repeat(1_000)), [64], 100).events).toHaveLength(1_000);
  });
});

import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LatencyBook } from '../../../src/routing/latency-book.js';

const begin = (book: LatencyBook, firstEventMs: number, target = 'p/m', stream = true) =>
  book.observe(target, { stream, firstEventMs, totalMs: 2 * firstEventMs, outputTokens: 2 });

describe('LatencyBook, beginnings', () => {
  it('gives the quantile of the last 128, to within the 16 that came since it was last sorted', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { minLength: 20, maxLength: 400 }), (all) => {
        const book = new LatencyBook();
        for (const ms of all) begin(book, ms);
        const last = all.slice(-128).toSorted((left, right) => left - right);
        const expected = last[Math.min(last.length - 1, Math.floor(0.9 * last.length))];
        expect(book.beginsWithinMs('p/m', true, 0.9)).toBe(expected);
      }),
    );
  });

  it('follows a change of speed', () => {
    const book = new LatencyBook();
    for (let at = 0; at < 128; at += 1) begin(book, 10);
    expect(book.beginsWithinMs('p/m', true, 0.95)).toBe(10);
    for (let at = 0; at < 16; at += 1) begin(book, 500);
    expect(book.beginsWithinMs('p/m', true, 0.95)).toBe(500);
  });

  it('counts an attempt that was given up for at least as slow as it was', () => {
    const book = new LatencyBook();
    for (let at = 0; at < 19; at += 1) begin(book, 10);
    book.tookLonger('p/m', true, 90);
    expect(book.beginsWithinMs('p/m', true, 0.95)).toBe(90);
    expect(book.of('p/m', true)).toBe(10);
  });

  it('keeps targets, streams and whole answers apart, and forgets the target not heard of for longest', () => {
    const book = new LatencyBook();
    for (let at = 0; at < 20; at += 1) begin(book, 10, 'old/m');
    expect(book.beginsWithinMs('old/m', false, 0.95)).toBeUndefined();
    for (let at = 0; at < 4_096; at += 1) begin(book, 1, `p${at}/m`);
    expect(book.beginsWithinMs('old/m', true, 0.95)).toBeUndefined();
  });
});

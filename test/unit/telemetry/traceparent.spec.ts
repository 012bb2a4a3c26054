import { describe, expect, it } from '@jest/globals';
import { traceOf } from '../../../src/telemetry/traceparent.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('traceOf', () => {
  it.each([
    ['00', false],
    ['01', true],
    ['02', false],
    ['ff', true],
  ])('reads trace, parent and the flag of sampling (flags %s: %s)', (flags, sampled) => {
    expect(traceOf(`00-${TRACE}-${SPAN}-${flags}`)).toEqual({
      traceId: TRACE,
      parentSpanId: SPAN,
      sampled,
    });
  });

  it('reads versions to come, with fields that it does not know', () => {
    expect(traceOf(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)).toMatchObject({ traceId: TRACE });
    expect(traceOf(`cc-${TRACE}-${SPAN}-01`)).toMatchObject({ parentSpanId: SPAN, sampled: true });
  });

  it.each([
    ['nothing', undefined],
    ['an empty value', ''],
    ['two values', [`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`]],
    ['two values in one', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ['a version that is none', `ff-${TRACE}-${SPAN}-01`],
    ['more fields than version 00 has', `00-${TRACE}-${SPAN}-01-more`],
    ['an unfinished field of a version to come', `cc-${TRACE}-${SPAN}-01.`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a long span', `00-${TRACE}-${SPAN}0-01`],
    ['flags that are no number', `00-${TRACE}-${SPAN}-0x`],
    ['a line after it', `00-${TRACE}-${SPAN}-01\n`],
  ])('takes %s for no trace', (_what, header) => {
    expect(traceOf(header)).toBeUndefined();
  });
});

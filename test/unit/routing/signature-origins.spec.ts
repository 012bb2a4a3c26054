import { describe, expect, it } from '@jest/globals';
import type { GenerateContentResponse } from '../../../src/core/gemini-wire.js';
import { sameOrigin, SignatureOrigins } from '../../../src/routing/signature-origins.js';

const chunk = (...signatures: (string | undefined)[]): GenerateContentResponse => ({
  candidates: [
    {
      content: {
        role: 'model',
        parts: signatures.map((thoughtSignature) =>
          thoughtSignature === undefined ? { text: 'x' } : { text: '', thoughtSignature },
        ),
      },
    },
  ],
});

describe('SignatureOrigins', () => {
  it('knows who made a signature, for the tenant that was answered alone', () => {
    const origins = new SignatureOrigins();
    origins.learn('tenant', 'project/model', chunk(undefined, 'A'));
    expect(origins.originOf('tenant', ['A'])).toBe('project/model');
    expect(origins.originOf('other', ['A'])).toBeUndefined();
    expect(origins.originOf('tenant', ['B'])).toBeUndefined();
    expect(origins.originOf('tenant', [])).toBeUndefined();
  });

  it('names the maker of the latest signature that is known', () => {
    const origins = new SignatureOrigins();
    origins.learn('tenant', 'first/model', chunk('A'));
    origins.learn('tenant', 'second/model', chunk('B'));
    expect(origins.originOf('tenant', ['A', 'B', 'unknown'])).toBe('second/model');
    expect(origins.originOf('tenant', ['B', 'A'])).toBe('first/model');
  });

  it('takes the later maker of one that was made twice', () => {
    const origins = new SignatureOrigins();
    origins.learn('tenant', 'first/model', chunk('A'));
    origins.learn('tenant', 'second/model', chunk('A'));
    expect(origins.originOf('tenant', ['A'])).toBe('second/model');
  });

  it('knows a signature again in the other base64 alphabet and without padding', () => {
    const origins = new SignatureOrigins();
    origins.learn('tenant', 'project/model', chunk('a+b/c+d/ef=='));
    expect(origins.originOf('tenant', ['a-b_c-d_ef'])).toBe('project/model');
  });

  it('takes chunks that are no answers, and those of several candidates', () => {
    const origins = new SignatureOrigins();
    const odd = [{}, { candidates: 3 }, { candidates: [null, { content: { parts: 7 } }, { content: null }] }];
    for (const value of odd) origins.learn('tenant', 'project/model', value as GenerateContentResponse);
    origins.learn('tenant', 'project/model', {
      candidates: [...(chunk('A').candidates ?? []), ...(chunk('', 'B').candidates ?? [])],
    });
    expect(origins.originOf('tenant', [''])).toBeUndefined();
    expect(origins.originOf('tenant', ['B'])).toBe('project/model');
  });

  it('looks at the end of a long conversation only', () => {
    const origins = new SignatureOrigins();
    origins.learn('tenant', 'project/model', chunk('A'));
    const unknown = (count: number) => Array.from({ length: count }, () => 'unknown');
    expect(origins.originOf('tenant', ['A', ...unknown(127)])).toBe('project/model');
    expect(origins.originOf('tenant', ['A', ...unknown(128)])).toBeUndefined();
  });

  it('forgets those learned longest ago beyond 50,000', () => {
    const origins = new SignatureOrigins();
    origins.learn('tenant', 'project/model', chunk('first', 'second'));
    origins.learn('tenant', 'project/model', chunk('first'));
    for (let at = 0; at < 49_999; at += 1) origins.learn('tenant', 'project/model', chunk(`number ${at}`));
    expect(origins.originOf('tenant', ['second'])).toBeUndefined();
    expect(origins.originOf('tenant', ['first'])).toBe('project/model');
  });
});

describe('sameOrigin', () => {
  it('is one family on one project', () => {
    expect(sameOrigin('eu/gemini-3.8-flash', 'eu/gemini-3.5-flash')).toBe(true);
    expect(sameOrigin('eu/gemini-3.8-flash', 'eu/gemini-4-argon')).toBe(false);
    expect(sameOrigin('eu/gemini-3.8-flash', 'us/gemini-3.8-flash')).toBe(false);
  });

  it('takes projects for one that are said to share a backend', () => {
    const backendOf = (project: string) => (project === 'lone' ? project : 'vertex');
    expect(sameOrigin('eu/gemini-3.8-flash', 'us/gemini-3.8-flash', backendOf)).toBe(true);
    expect(sameOrigin('eu/gemini-3.8-flash', 'us/gemini-4-argon', backendOf)).toBe(false);
    expect(sameOrigin('eu/gemini-3.8-flash', 'lone/gemini-3.8-flash', backendOf)).toBe(false);
  });
});

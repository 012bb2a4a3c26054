import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { cpuMs } from '../../helpers/cpu-time.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf, restEvents } from '../../helpers/rest-answers.js';

let under: GatewayUnderTest;
beforeAll(async () => {
  under = await gatewayUnderTest();
});
afterEach(() => under.emulator.scenarios.clear());
afterAll(() => under.close());

const ask = { task: 'chat', prompt: 'How is the heron?' };
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
/** The body with a schema given as text: what a parser would make of it is part of the attack. */
const bodyWith = (schema: string): string => `${JSON.stringify(ask).slice(0, -1)},"schema":${schema}}`;

const SCHEMAS: Readonly<Record<string, string>> = {
  'a type that is none': '{"type":"thing"}',
  'a keyword of the wrong kind': '{"properties":3}',
  'a schema elsewhere': '{"$ref":"https://example.com/schema.json"}',
  'a schema in a file': '{"$ref":"file:///etc/passwd"}',
  'a reference to nothing': '{"$ref":"#/$defs/none"}',
  $async: '{"$async":true,"type":"object"}',
  '3,000 properties': `{"properties":{${Array.from({ length: 3_000 }, (_, index) => `"p${index}":{}`).join(',')}}}`,
  'a pattern that looks back': '{"type":"string","pattern":"(a)\\\\1"}',
  '10,000 levels': nested(10_000),
};

describe('schemas that cannot be used', () => {
  it.each(Object.entries(SCHEMAS))('%s: refused before anything is sent upstream', async (_what, schema) => {
    const before = under.upstreamCalls().length;
    const { status, json } = await jsonOf(under.call('/v1/generate', bodyWith(schema)));
    expect([status, json['code']]).toEqual([400, 'INVALID_REQUEST']);
    expect(under.upstreamCalls()).toHaveLength(before);
  });
});

/** Schemas that are sound, with answers that are none of theirs. */
const ANSWERS: Readonly<Record<string, readonly [schema: string, answer: string]>> = {
  'a catastrophic pattern': [
    '{"type":"string","pattern":"^(a+)+$"}',
    JSON.stringify(`${'a'.repeat(50_000)}!`),
  ],
  'names of JavaScript': [
    '{"type":"object","properties":{"a":{}},"additionalProperties":false}',
    '{"__proto__":{"a":1},"constructor":{"prototype":{"polluted":true}}}',
  ],
  'names of JavaScript that must be there': ['{"type":"object","required":["constructor","toString"]}', '{}'],
  '10,000 levels': [
    '{"$ref":"#/$defs/a","$defs":{"a":{"properties":{"a":{"$ref":"#/$defs/a"}}}}}',
    nested(10_000),
  ],
  '10,000 levels that break off': ['{"type":"array"}', '['.repeat(10_000)],
  'a text of 5 MB': ['{"type":"object"}', `{"a":"${'x'.repeat(5_000_000)}"}`],
  '5 MB that break off': ['{"type":"array"}', `[${'"x",'.repeat(1_250_000)}`],
  '5 MB of prose': ['{"type":"object"}', 'I would rather not. '.repeat(250_000)],
};

/** Has the model say a text, however long it is: no limit of the emulator's own shortens it. */
function modelSays(text: string): void {
  const content = { role: 'model', parts: [{ text }] };
  const rawBody = JSON.stringify({ candidates: [{ content, finishReason: 'STOP' }] });
  under.emulator.scenarios.add([
    { kind: 'raw', rawBody, times: 0, match: { operation: 'generateContent' } },
    {
      kind: 'raw',
      rawBody: `data: ${rawBody}\r\n\r\n`,
      contentType: 'text/event-stream',
      times: 0,
      match: { operation: 'streamGenerateContent' },
    },
  ]);
}

describe('answers that nothing can be made of', () => {
  it.each(Object.entries(ANSWERS))(
    '%s: a mismatch, whole and streamed, at little cost',
    async (_what, [schema, text]) => {
      modelSays(text);
      const startedMs = cpuMs();
      const whole = await jsonOf(under.call('/v1/generate', bodyWith(schema)));
      expect([whole.status, whole.json['code']]).toEqual([422, 'SCHEMA_MISMATCH']);
      const streamed = await under.call('/v1/generate', bodyWith(schema), {
        headers: { accept: 'text/event-stream' },
      });
      const said = await streamed.body.text();
      const code =
        streamed.statusCode === 200
          ? restEvents(said).at(-1)?.data['code']
          : (JSON.parse(said) as { code: string }).code;
      expect(code).toBe('SCHEMA_MISMATCH');
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      // The emulator, which makes and writes these answers, lives in the same thread.
      expect(cpuMs() - startedMs).toBeLessThan(3_000);
    },
    30_000,
  );
});

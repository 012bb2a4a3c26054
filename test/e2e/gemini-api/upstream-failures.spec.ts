import type { GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SCENARIO_KINDS, type ScenarioKind } from '../../../src/emulator/scenario-kinds.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { googleClient, googleError, lineOf } from '../../helpers/google-clients.js';
import { callsSince, expectSeen, expectTrueLine, receive } from './failing-calls.js';
import { BROKEN_STREAMS, EVERY_KIND, triesOf, type FailureRow } from './upstream-failures.js';

const PATIENT = 'gemini-3.8-flash';
const IMPATIENT = 'gemini-3.5-flash-lite';
const CONFIG = `
resilience: { backoffMs: 1, maxWaitMs: 100 }
models:
  ${PATIENT}: {}
  ${IMPATIENT}: {}
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    models: [${PATIENT}]
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
  - id: impatient
    provider: gemini
    baseUrl: \${emulator}
    models: [${IMPATIENT}]
    timeouts: { firstEventMs: 250, idleGapMs: 250 }
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
`;
const ROWS: (FailureRow & { name: string })[] = [
  ...Object.entries<FailureRow>(EVERY_KIND).map(([name, row]) => ({
    ...row,
    name,
    scenario: { ...row.scenario, kind: name as ScenarioKind },
  })),
  ...Object.entries(BROKEN_STREAMS).map(([name, row]) => ({ ...row, name })),
];
const CASES = ROWS.flatMap((row) => [
  { ...row, streamed: false, form: 'unary', seen: row.unary },
  { ...row, streamed: true, form: 'streamed', seen: row.stream },
]);

it('the table names every kind that the emulator can play', () => {
  expect(Object.keys(EVERY_KIND).toSorted()).toEqual(Object.keys(SCENARIO_KINDS).toSorted());
});

describe('with one target, the caller sees the truth and the log counts what the upstream counted', () => {
  let under: GatewayUnderTest;
  let ai: GoogleGenAI;
  // What one case does to its target must not be there in the next.
  beforeEach(async () => {
    under = await gatewayUnderTest({ config: CONFIG });
    ai = googleClient(under);
  });
  afterEach(() => under.close());

  it.each(CASES)('$form: $name', async ({ name, form, scenario = {}, streamed, seen, aborts = false }) => {
    const model = aborts ? IMPATIENT : PATIENT;
    const id = `${form}-${name.replaceAll(' ', '-')}`;
    const before = under.upstreamCalls().length;
    under.emulator.scenarios.add({ ...scenario, times: 0 });
    expectSeen(await receive(ai, streamed, { model, id }), seen);
    const line = await lineOf(under, id);
    const calls = callsSince(under, before);
    expect(calls).toHaveLength(triesOf(name, seen));
    await eventually(() => calls.every(({ outcome }) => outcome !== 'open'), 'the end of the upstream calls');
    for (const { aborted } of calls) expect(aborted).toBe(aborts);
    expectTrueLine(line, calls, seen);
  });

  it.each(CASES.filter(({ seen }) => seen.kind === 'broken'))(
    'as a JSON array: $name ends in an error element',
    async ({ scenario = {}, aborts = false }) => {
      under.emulator.scenarios.add({ ...scenario, times: 0 });
      const path = `/v1beta/models/${aborts ? IMPATIENT : PATIENT}:streamGenerateContent`;
      const response = await under.call(path, { contents: [{ parts: [{ text: 'an array' }] }] });
      expect(response.statusCode).toBe(200);
      const elements = (await response.body.json()) as object[];
      expect(elements.length).toBeGreaterThan(1);
      expect(googleError(JSON.stringify(elements.at(-1))).code).toBe(503);
    },
  );
});

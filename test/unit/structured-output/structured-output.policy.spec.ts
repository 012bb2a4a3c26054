import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Call } from '../../../src/core/call.js';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { ChunkEvent, Generation, GenerationEvent } from '../../../src/core/generation.js';
import type { JsonObject } from '../../../src/core/json.js';
import type { Policy } from '../../../src/core/policy.js';
import { RoutingConfig } from '../../../src/routing/routing.config.js';
import { StructuredConfig } from '../../../src/routing/structured.config.js';
import { TaskConfig } from '../../../src/routing/tasks.config.js';
import { SchemaCompiler } from '../../../src/structured-output/schema-compiler.js';
import { SchemasConfig } from '../../../src/structured-output/schemas.config.js';
import {
  callFixture,
  chunkFixture,
  configFixture,
  finishFixture,
  generationOf,
  type ScriptedGeneration,
  type ScriptStep,
  usageFixture,
} from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { policyProperties } from '../../helpers/policy-properties.js';
import { structuredOutputPolicy } from '../../helpers/structured-output.js';

const SCHEMA: JsonObject = {
  type: 'object',
  properties: { mood: { type: 'string', enum: ['good', 'bad'] }, count: { type: 'integer' } },
  required: ['mood'],
  additionalProperties: false,
};
const VALID = '{"mood":"good"}';
const WRONG = '{"mood":"so-so"}';

const compiler = new SchemaCompiler(new ManualClock());

/** What is asked of the policy, and what it asked of the rest of the path. */
interface Played {
  readonly questions: Call[];
  readonly answers: ScriptedGeneration[];
  readonly generation: Promise<Generation>;
}

interface Setting {
  readonly terms?: Partial<StructuredConfig>;
  readonly call?: Partial<Call>;
  readonly schema?: JsonObject;
  readonly clock?: ManualClock;
}

function configOf(terms: Partial<StructuredConfig> = {}) {
  const routing = new RoutingConfig();
  const task = Object.assign(new TaskConfig(), { structured: Object.assign(new StructuredConfig(), terms) });
  routing.tasks = { mood: task };
  const schemas = new SchemasConfig();
  schemas.schemas = { mood: { versions: { '1': { type: 'string' }, '2': SCHEMA } } };
  return configFixture(routing, schemas);
}

const requestWith = (schema: JsonObject, field = 'responseJsonSchema'): JsonObject => ({
  contents: [{ role: 'user', parts: [{ text: 'How is it?' }] }],
  generationConfig: { responseMimeType: 'application/json', [field]: schema },
});

/** Has the policy take a call whose questions are answered one after the other. */
function play(answers: readonly (readonly ScriptStep[] | Error)[], setting: Setting = {}): Played {
  const clock = setting.clock ?? new ManualClock();
  const call = callFixture({
    config: configOf(setting.terms),
    task: 'mood',
    request: requestWith(setting.schema ?? SCHEMA),
    ...setting.call,
  });
  const played: Omit<Played, 'generation'> = { questions: [], answers: [] };
  const generation = structuredOutputPolicy(clock, compiler).apply(call, (question) => {
    const script = answers[played.questions.length];
    played.questions.push(question);
    if (script === undefined) throw new Error('asked too often');
    if (script instanceof Error) return Promise.reject(script);
    question.record.attempts.push({ target: 'project-1/model', afterMs: 0, tookMs: 1 });
    const answer = generationOf(script, { signal: call.signal });
    played.answers.push(answer);
    return Promise.resolve(answer);
  });
  return { ...played, generation };
}

const whole = (text: string, finish = finishFixture()): readonly GenerationEvent[] => [
  chunkFixture(text, usageFixture(3, 5)),
  finish,
];

async function answerOf(played: Played) {
  const { chunks, finish } = await collect(await played.generation);
  const text = chunks.map(textOf).join('');
  return { text, chunks, finish, structured: finish.structured };
}

function textOf({ value }: ChunkEvent): string {
  return (value.candidates?.[0]?.content?.parts ?? []).map((part) => part.text ?? '').join('');
}

async function failureOf(promise: Promise<unknown>): Promise<GatewayError> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (thrown: unknown) => thrown as GatewayError,
  );
}

beforeAll(async () => {
  // In place from the third time on; the thread's turns are not the event loop's.
  for (const schema of [SCHEMA, {}]) {
    const compiled = await compiler.compile(schema);
    for (let times = 0; times < 2; times += 1) await compiled.validate({ mood: 'good' });
  }
});
afterAll(() => compiler.onApplicationShutdown());

describe('StructuredOutputPolicy, of calls without a schema', () => {
  it.each([
    ['no settings', {}],
    ['other settings', { request: { contents: [], generationConfig: { temperature: 1 } } }],
    ['an absent schema', { request: { contents: [], generationConfig: { responseJsonSchema: null } } }],
    [
      'a bare word of a schema',
      {
        request: {
          contents: [],
          generationConfig: {
            responseMimeType: 'text/x.enum',
            responseSchema: { type: 'STRING', enum: ['a'] },
          },
        },
      },
    ],
    ['another operation', { operation: 'embed' as const, request: requestWith(SCHEMA) }],
  ])('passes call and answer on untouched: %s', async (_what, call) => {
    const played = play([whole('no JSON')], { call: { request: { contents: [] }, ...call } });
    expect(await played.generation).toBe(played.answers[0]);
  });
});

describe('StructuredOutputPolicy, of whole answers', () => {
  it('leaves a valid answer as it is and adds the document', async () => {
    const played = play([whole(VALID)]);
    const { chunks, structured } = await answerOf(played);
    expect(chunks).toEqual([chunkFixture(VALID, usageFixture(3, 5))]);
    expect(structured).toEqual({
      valid: true,
      repaired: false,
      reasked: false,
      relaxed: [],
      value: { mood: 'good' },
    });
  });

  it('hands the very same call of the Gemini surface on where there is nothing to say differently', async () => {
    const surface = 'gemini';
    const call = callFixture({
      surface,
      request: requestWith(SCHEMA),
      requestText: 'as sent',
      config: configOf(),
    });
    let seen: Call | undefined;
    await structuredOutputPolicy(new ManualClock(), compiler).apply(call, (question) => {
      seen = question;
      return Promise.resolve(generationOf(whole(VALID)));
    });
    expect(seen).toBe(call);
  });

  it('tells the upstream what it understands, reports the rest and enforces it', async () => {
    const schema: JsonObject = { ...SCHEMA, not: { required: ['count'] } };
    const played = play([whole('{"mood":"good","count":1}'), whole(VALID)], {
      schema,
      call: { requestText: 'as sent' },
    });
    const { structured } = await answerOf(played);
    expect(structured).toMatchObject({ valid: true, reasked: true });
    expect(structured?.relaxed).toContainEqual({ path: '/not', keyword: 'not' });
    const [question] = played.questions;
    expect(question?.requestText).toBeUndefined();
    const config = question?.request['generationConfig'] as JsonObject;
    expect(config['responseJsonSchema']).not.toHaveProperty('not');
  });

  it('takes schemas by name, the newest unless a version is named', async () => {
    const request: JsonObject = { contents: [{ parts: [{ text: 'x' }] }] };
    const played = play([whole(VALID)], { call: { request, schema: { name: 'mood' } } });
    expect((await answerOf(played)).structured).toMatchObject({ valid: true });
    expect(played.questions[0]?.request['generationConfig']).toMatchObject({
      responseMimeType: 'application/json',
      responseJsonSchema: { required: ['mood'] },
    });
    const older = play([whole('"text"')], { call: { request, schema: { name: 'mood', version: '1' } } });
    expect((await answerOf(older)).structured).toMatchObject({ value: 'text' });
  });

  it.each([
    ['schemaName', { name: 'none' }, {}],
    ['schemaName', { name: 'constructor' }, {}],
    ['schemaVersion', { name: 'mood', version: '9' }, {}],
    ['schemaName', { name: 'mood' }, requestWith(SCHEMA)],
  ])('refuses names that name nothing, or stand beside a schema: %s', async (field, schema, request) => {
    const played = play([], { call: { request, schema } });
    const error = await failureOf(played.generation);
    expect([error.reason, error.metadata.field]).toEqual(['INVALID_REQUEST', field]);
  });

  it('understands schemas of the upstream’s own form', async () => {
    const schema: JsonObject = {
      type: 'OBJECT',
      properties: {
        mood: { type: 'STRING', nullable: true, enum: ['good'] },
        list: { type: 'ARRAY', items: { type: 'INTEGER' }, maxItems: '2' },
      },
      propertyOrdering: ['mood'],
      required: ['mood'],
    };
    const request = requestWith(schema, 'responseSchema');
    const good = play([whole('{"mood":null,"list":[1,2]}')], { call: { request } });
    expect((await answerOf(good)).structured).toMatchObject({ valid: true });
    expect(good.questions[0]?.request).toBe(request);
    const bad = play([whole('{"mood":"good","list":[1,2,3]}'), whole('{"mood":1}')], { call: { request } });
    expect((await failureOf(bad.generation)).reason).toBe('SCHEMA_MISMATCH');
  });

  it('repairs what is no JSON, and makes the text what is valid', async () => {
    const parts = [
      { text: 'I think', thought: true },
      { text: '```json\n{"mood":', thoughtSignature: 'sig' },
      { text: '"good",}\n```' },
    ];
    const value = { candidates: [{ content: { role: 'model', parts } }] };
    const played = play([[{ type: 'chunk', value, text: JSON.stringify(value) }, finishFixture()]]);
    const { chunks, structured } = await answerOf(played);
    expect(structured).toMatchObject({ valid: true, repaired: true, reasked: false });
    expect(chunks).toHaveLength(1);
    expect(chunks[0]?.text).toBeUndefined();
    expect(chunks[0]?.value.candidates?.[0]?.content?.parts).toEqual([
      { text: 'I think', thought: true },
      { text: VALID, thoughtSignature: 'sig' },
    ]);
  });

  it('asks once more with what was wrong, under the same rules and deadline', async () => {
    const played = play([whole(WRONG), whole(VALID)]);
    const { text, structured, finish } = await answerOf(played);
    expect(text).toBe(VALID);
    expect(structured).toMatchObject({ valid: true, reasked: true, repaired: false });
    expect(finish.usage).toEqual(usageFixture(3, 5));
    const [first, second] = played.questions;
    expect(second).toMatchObject({ id: first?.id, deadlineMs: first?.deadlineMs });
    const contents = second?.request['contents'] as JsonObject[];
    expect(contents.slice(0, 2)).toEqual([
      { role: 'user', parts: [{ text: 'How is it?' }] },
      { role: 'model', parts: [{ text: WRONG }] },
    ]);
    expect(JSON.stringify(contents[2])).toContain('/mood must be equal to one of the allowed values');
  });

  it('writes a refused answer and its tokens into the record', async () => {
    const call = callFixture({ config: configOf(), request: requestWith(SCHEMA) });
    const answers = [whole(WRONG), whole(VALID)];
    await structuredOutputPolicy(new ManualClock(), compiler).apply(call, (question) => {
      question.record.attempts.push({ target: 'p/m', afterMs: 0, tookMs: 1 });
      return Promise.resolve(generationOf(answers.shift() ?? []));
    });
    expect(call.record.attempts).toEqual([
      {
        target: 'p/m',
        afterMs: 0,
        tookMs: 1,
        error: 'SCHEMA_MISMATCH',
        trouble: 'mismatch',
        usage: usageFixture(3, 5),
      },
      { target: 'p/m', afterMs: 0, tookMs: 1 },
    ]);
    expect(call.record.structured).toMatchObject({ valid: true, reasked: true });
  });

  it('takes an answer that cannot be checked in time for a wrong one, and passes other trouble on', async () => {
    const failing = async (trouble: GatewayError) => {
      const compiled = await compiler.compile(SCHEMA);
      const compile = () => Promise.resolve({ ...compiled, validate: () => Promise.reject(trouble) });
      const call = callFixture({ config: configOf(), request: requestWith(SCHEMA) });
      const policy = structuredOutputPolicy(new ManualClock(), { compile } as unknown as SchemaCompiler);
      const answer = policy.apply(call, (question) => {
        question.record.attempts.push({ target: 'p/m', afterMs: 0, tookMs: 1 });
        return Promise.resolve(generationOf(whole(VALID)));
      });
      return { error: await failureOf(answer), record: call.record };
    };
    const slow = await failing(new GatewayError('SCHEMA_MISMATCH', 'Too slow.'));
    expect(slow.error.details?.['errors']).toEqual([expect.objectContaining({ keyword: 'size' })]);
    const busy = new GatewayError('QUEUE_FULL', 'Busy.');
    const { error, record } = await failing(busy);
    expect(error).toBe(busy);
    expect(record.attempts).toMatchObject([{ error: 'QUEUE_FULL', usage: usageFixture(3, 5) }]);
  });

  it('counts the refused upstream call among the attempts of the answer', async () => {
    const played = play([whole(WRONG), whole(VALID)]);
    expect((await played.generation).head.attempts).toBe(2);
  });

  it('fails with what is wrong and the text when the second answer is no better', async () => {
    const played = play([whole(WRONG), whole('{"mood":7}')]);
    const error = await failureOf(played.generation);
    expect(error.reason).toBe('SCHEMA_MISMATCH');
    expect(error.details).toEqual({
      errors: [
        expect.objectContaining({ path: '/mood', keyword: 'type' }),
        expect.objectContaining({ path: '/mood', keyword: 'enum' }),
      ],
      text: '{"mood":7}',
    });
    expect(error.message + JSON.stringify(error.metadata)).not.toContain('mood');
    expect(played.questions).toHaveLength(2);
    expect(played.questions[0]?.record.structured).toMatchObject({ valid: false });
  });

  it('shows no more than the beginning of a long text', async () => {
    const played = play([whole('x'.repeat(100_000)), whole('x'.repeat(100_000))]);
    const { details } = await failureOf(played.generation);
    expect(details?.['text']).toHaveLength(4_000);
  });

  it('fails with the first answer where the second question fails', async () => {
    const played = play([whole(WRONG), new GatewayError('BUDGET_EXHAUSTED', 'No.')]);
    const error = await failureOf(played.generation);
    expect([error.reason, error.details?.['text']]).toEqual(['SCHEMA_MISMATCH', WRONG]);
  });

  it('does not ask again where less time is left than the first answer took', async () => {
    const clock = new ManualClock();
    const call = callFixture({ config: configOf(), request: requestWith(SCHEMA), deadlineMs: 1_000 });
    let asked = 0;
    const answer = structuredOutputPolicy(clock, compiler).apply(call, () => {
      asked += 1;
      clock.advance(600);
      return Promise.resolve(generationOf(whole(WRONG)));
    });
    expect((await failureOf(answer)).reason).toBe('SCHEMA_MISMATCH');
    expect(asked).toBe(1);
  });

  it.each(['blocked', 'empty', 'malformed'] as const)(
    'leaves an answer that is %s as it is',
    async (verdict) => {
      const played = play([whole('half a sen', finishFixture({ verdict }))]);
      const { text, structured } = await answerOf(played);
      expect([text, structured]).toEqual(['half a sen', undefined]);
    },
  );

  it('leaves an answer that calls a tool as it is', async () => {
    const parts = [{ text: 'Let me see.' }, { functionCall: { name: 'look' } }];
    const value = { candidates: [{ content: { role: 'model', parts } }] };
    const played = play([[{ type: 'chunk', value }, finishFixture()]]);
    const { chunks, structured } = await answerOf(played);
    expect([chunks[0]?.value, structured]).toEqual([value, undefined]);
  });

  it('takes a truncated answer that can be repaired, and asks for no other', async () => {
    const finish = finishFixture({ verdict: 'truncated', finishReason: 'MAX_TOKENS' });
    const good = play([whole('{"mood":"good","cou', finish)]);
    const { text, structured, finish: end } = await answerOf(good);
    expect([text, structured?.repaired, end.verdict]).toEqual([VALID, true, 'truncated']);
    const bad = play([whole('{"mood":"go', finish)]);
    expect((await failureOf(bad.generation)).reason).toBe('SCHEMA_MISMATCH');
    expect(bad.questions).toHaveLength(1);
  });

  it('holds every alternative to the schema', async () => {
    const alternatives = (...texts: string[]): readonly GenerationEvent[] => [
      {
        type: 'chunk',
        value: { candidates: texts.map((text, index) => ({ index, content: { parts: [{ text }] } })) },
      },
      finishFixture(),
    ];
    const played = play([alternatives(VALID, WRONG), alternatives(VALID, '{"mood":"bad",}')]);
    const { chunks, structured } = await answerOf(played);
    expect(structured).toMatchObject({ reasked: true, repaired: true, value: { mood: 'good' } });
    expect(chunks[0]?.value.candidates?.map(({ content }) => content?.parts?.[0]?.text)).toEqual([
      VALID,
      '{"mood":"bad"}',
    ]);
  });
});

describe('StructuredOutputPolicy, as the task says', () => {
  it('gives the default in place of answers that are wrong', async () => {
    const terms = { onMismatch: 'default' as const, default: { mood: 'bad' } };
    const played = play([whole(WRONG), whole(WRONG)], { terms });
    const { text, structured, finish } = await answerOf(played);
    expect(text).toBe('{"mood":"bad"}');
    expect(structured).toMatchObject({
      valid: true,
      instead: 'default',
      reasked: true,
      value: { mood: 'bad' },
    });
    expect(finish.verdict).toBe('ok');
  });

  it('gives no default that does not follow the schema itself', async () => {
    const terms = { onMismatch: 'default' as const, default: { mood: 'unknown' } };
    const played = play([whole(WRONG), whole(WRONG)], { terms });
    expect((await failureOf(played.generation)).reason).toBe('SCHEMA_MISMATCH');
  });

  it('asks another model once, with the question as it was', async () => {
    const terms = { onMismatch: 'model' as const, model: 'gemini-pro' };
    const played = play([whole(WRONG), whole(WRONG), whole(VALID)], { terms });
    const { structured } = await answerOf(played);
    expect(structured).toMatchObject({ valid: true, instead: 'model' });
    const [first, , third] = played.questions;
    expect([third?.model, third?.request]).toEqual(['gemini-pro', first?.request]);
    const hopeless = play([whole(WRONG), whole(WRONG), whole('{"mood":3}')], { terms });
    const error = await failureOf(hopeless.generation);
    expect([error.reason, error.details?.['text']]).toEqual(['SCHEMA_MISMATCH', '{"mood":3}']);
  });

  it('marks answers and passes them on where it does not insist', async () => {
    const terms = { enforce: false };
    const wrong = await answerOf(play([whole(WRONG)], { terms }));
    expect([wrong.text, wrong.structured]).toEqual([
      WRONG,
      { valid: false, repaired: false, reasked: false, relaxed: [], value: { mood: 'so-so' } },
    ]);
    const prose = await answerOf(play([whole('Well, good.')], { terms }));
    expect([prose.text, prose.structured?.valid, prose.structured?.value]).toEqual([
      'Well, good.',
      false,
      undefined,
    ]);
    const streamed = await answerOf(
      play([[chunkFixture('Well, '), chunkFixture('good.'), finishFixture()]], {
        terms,
        call: { stream: true },
      }),
    );
    expect([streamed.text, streamed.structured?.valid]).toEqual(['Well, good.', false]);
  });
});

describe('StructuredOutputPolicy, where Gemini refuses the schema', () => {
  const tooComplex = new GatewayError(
    'INVALID_REQUEST',
    'The specified schema produces a constraint that has too many states for serving.',
    { metadata: { upstreamStatus: 400 } },
  );
  const schema = (name: string): JsonObject => ({
    type: 'object',
    properties: { [name]: { type: 'string', enum: Array.from({ length: 90 }, (_, index) => `v${index}`) } },
    required: [name],
  });

  it('says less of it, tells so, enforces it all the same, and begins with less from then on', async () => {
    const played = play([tooComplex, whole('{"a":"v90"}'), whole('{"a":"v89"}')], { schema: schema('a') });
    const { structured } = await answerOf(played);
    expect(structured).toMatchObject({ valid: true, reasked: true });
    expect(structured?.relaxed).toContainEqual({ path: '/properties/a/enum', keyword: 'enum' });
    expect(JSON.stringify(played.questions[1]?.request['generationConfig'])).not.toContain('v1');
    const next = play([whole('{"a":"v1"}')], { schema: schema('a') });
    expect((await answerOf(next)).structured?.relaxed).toHaveLength(structured?.relaxed.length ?? -1);
    expect(JSON.stringify(next.questions[0]?.request['generationConfig'])).not.toContain('v1');
  });

  it('gives up when nothing is left to leave out', async () => {
    const played = play(
      Array.from({ length: 20 }, () => tooComplex),
      { schema: schema('b') },
    );
    expect(await failureOf(played.generation)).toBe(tooComplex);
    expect(played.questions.length).toBeLessThan(8);
  });

  it.each([
    ['another reason', new GatewayError('NO_TARGET', 'too many states')],
    ['a refusal of our own', new GatewayError('INVALID_REQUEST', 'The schema is none.')],
    [
      'a refusal for something else',
      new GatewayError('INVALID_REQUEST', 'Wrong role.', { metadata: { upstreamStatus: 400 } }),
    ],
  ])('passes %s on', async (_what, error) => {
    const played = play([error], { schema: schema('c') });
    expect(await failureOf(played.generation)).toBe(error);
  });
});

describe('StructuredOutputPolicy, of streams', () => {
  const streamed = { call: { stream: true } };

  it('passes events on as they are, and the document with the last', async () => {
    const events = [chunkFixture('{"mood"'), chunkFixture(':"go'), chunkFixture('od"}'), finishFixture()];
    const { chunks, structured } = await answerOf(play([events], streamed));
    expect(chunks).toEqual(events.slice(0, 3));
    expect(structured).toMatchObject({ valid: true, repaired: false, value: { mood: 'good' } });
  });

  it('lets go of the upstream at the first wrong character, and says what is wrong', async () => {
    const events = [
      chunkFixture('{"mood"'),
      chunkFixture(':"so', usageFixture(3, 2)),
      chunkFixture('-so"}'),
      finishFixture(),
    ];
    const played = play([events], streamed);
    const error = await failureOf(collect(await played.generation));
    expect([error.reason, error.usage]).toEqual(['SCHEMA_MISMATCH', usageFixture(3, 2)]);
    expect(error.details).toEqual({
      errors: [{ path: '/mood', message: 'must be one of the values allowed', keyword: 'enum' }],
      text: '{"mood":"so',
    });
    expect(played.answers[0]?.source).toEqual({ nexts: 2, returns: 1 });
    expect(played.questions).toHaveLength(1);
  });

  it('asks again where the very first event is wrong, and nothing was handed out', async () => {
    const played = play(
      [
        [chunkFixture('Sure! '), chunkFixture('It is good.'), finishFixture()],
        [chunkFixture(VALID), finishFixture()],
      ],
      streamed,
    );
    const { text, structured } = await answerOf(played);
    expect([text, structured?.reasked]).toEqual([VALID, true]);
    expect(played.answers[0]?.source.returns).toBe(1);
  });

  it('judges the whole at the end: what was not decided early, and what can be repaired', async () => {
    const schema: JsonObject = { ...SCHEMA, minProperties: 2 };
    const wrong = play([[chunkFixture('{"mood":'), chunkFixture('"good"}'), finishFixture()]], {
      ...streamed,
      schema,
    });
    const error = await failureOf(collect(await wrong.generation));
    expect(error.details?.['errors']).toEqual([expect.objectContaining({ keyword: 'minProperties' })]);
    const fenced = [chunkFixture('```json\n{"mood":'), chunkFixture('"good",}\n```'), finishFixture()];
    const { chunks, structured } = await answerOf(play([fenced], streamed));
    expect(chunks).toEqual(fenced.slice(0, 2));
    expect(structured).toMatchObject({ valid: true, repaired: true, value: { mood: 'good' } });
  });

  it('waits to the end where a function may be called after some words', async () => {
    const call = {
      ...streamed.call,
      request: { ...requestWith(SCHEMA), tools: [{ functionDeclarations: [] }] },
    };
    const toolCall: ChunkEvent = {
      type: 'chunk',
      value: { candidates: [{ content: { parts: [{ functionCall: { name: 'look' } }] } }] },
    };
    const events = [chunkFixture('Let me see.'), toolCall, finishFixture()];
    const { chunks, structured } = await answerOf(play([events], { call }));
    expect([chunks.length, structured]).toEqual([2, undefined]);
  });

  it('does not hold an answer that grows without end', async () => {
    const piece = chunkFixture('"'.padEnd(1_000_000, 'x'));
    const more = chunkFixture('x'.repeat(1_000_000));
    const events = [piece, more, more, more, more, more, finishFixture()];
    const played = play([events], { ...streamed, schema: {} });
    const error = await failureOf(collect(await played.generation));
    expect(error.details?.['errors']).toEqual([expect.objectContaining({ keyword: 'size' })]);
    expect(played.answers[0]?.source.nexts).toBe(5);
  });
});

/** The policy for calls that all bring a schema. */
function withSchema(schema: JsonObject): (clock: ManualClock) => Policy {
  return (clock) => {
    const policy = structuredOutputPolicy(clock, compiler);
    return {
      name: policy.name,
      apply: (call, next) =>
        policy.apply({ ...call, request: { ...call.request, ...requestWith(schema) } }, next),
    };
  };
}

const traits = {
  sections: [new RoutingConfig()],
  mayCallNextAgain: true,
  mayChangeAnswer: true,
  mayReplaceFailure: true,
};
policyProperties('StructuredOutputPolicy', withSchema(SCHEMA), traits);
policyProperties(
  'StructuredOutputPolicy without schemas',
  (clock) => structuredOutputPolicy(clock, compiler),
  {
    sections: [new RoutingConfig()],
  },
);

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { googleError, reasonOf, type GoogleError } from '../../helpers/google-clients.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = '/v1beta/models/gemini-3.8-flash';
const EMBEDDER = '/v1beta/models/gemini-embedding-001';
const GENERATE = `${MODEL}:generateContent`;
/** Stands in every body that is sent here, and must not stand in any log line. */
const GARBAGE = 'garbage-8823';
const CONFIG = `${DEFAULT_CONFIG}
auth:
  keys:
    - { id: generating, secret: "env:GENERATING_KEY", team: writers, scopes: [generate] }
    - { id: filing, secret: "env:FILING_KEY", team: files, scopes: [resources] }
`;
const parts = (...all: unknown[]) => ({ contents: [{ role: 'user', parts: all }] });
const inline = (mimeType: string, data: string) =>
  parts({ text: GARBAGE }, { inlineData: { mimeType, data } });

/** The field that an error names, twice: for programs and for people. */
function fieldOf(error: GoogleError): unknown {
  const detail = error.details.find(({ '@type': type }) => String(type).endsWith('.BadRequest'));
  const [violation] = (detail?.['fieldViolations'] ?? []) as { field: string; description: string }[];
  expect(violation?.description).toBe(error.message);
  expect(error.message).toContain(`"${violation?.field}"`);
  return violation?.field;
}

describe('requests that cannot be answered, in Google’s shape', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({
      config: CONFIG,
      environment: {
        GENERATING_KEY: 'generating-key',
        FILING_KEY: 'filing-key',
        GATEWAY__SERVER__BODY_LIMIT_BYTES: '2000000',
      },
    });
  });
  afterAll(() => under.close());

  /** What the gateway answers, which must be one of Google's errors and cost no upstream call. */
  const refusal = async (path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const before = under.upstreamCalls().length;
    const answer = await jsonOf(under.call(path, body, { headers }));
    expect(answer.headers['content-type']).toBe('application/json; charset=UTF-8');
    const error = googleError(answer.text);
    expect(error.code).toBe(answer.status);
    expect(under.upstreamCalls().length).toBe(before);
    expect(error.details[0]).toMatchObject({
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      domain: 'gemini-gateway',
      metadata: { requestId: answer.headers['x-request-id'] },
    });
    return { error, seen: [answer.status, error.status, reasonOf(error)] };
  };

  it.each<[what: string, headers: Record<string, string>]>([
    ['no key', {}],
    ['a wrong key', { 'x-goog-api-key': 'wrong-key-7291' }],
    ['a wrong bearer token', { authorization: 'Bearer wrong-key-7291' }],
  ])('401 for %s', async (_what, headers) => {
    for (const path of [GENERATE, '/gemini/v1/models', '/upload/v1beta/files']) {
      const body = path === GENERATE ? parts({ text: 'x' }) : undefined;
      const { seen } = await refusal(path, body, { authorization: '', ...headers });
      expect(seen).toEqual([401, 'UNAUTHENTICATED', 'UNAUTHENTICATED']);
    }
  });

  it.each([
    ['filing-key', 'generate', GENERATE],
    ['filing-key', 'generate', `${MODEL}:streamGenerateContent?alt=sse`],
    ['generating-key', 'resources', '/v1beta/cachedContents'],
    ['generating-key', 'resources', '/upload/v1beta/files'],
    ['generating-key', 'resources', `${MODEL}:batchGenerateContent`],
  ])('403 for the %s, which lacks the scope "%s", at %s', async (key, scope, path) => {
    const { seen, error } = await refusal(path, parts({ text: 'x' }), { authorization: `Bearer ${key}` });
    expect(seen).toEqual([403, 'PERMISSION_DENIED', 'PERMISSION_DENIED']);
    expect(error.message).toContain(`"${scope}"`);
  });

  it.each([
    '/v1beta/nothing',
    '/gemini/nothing',
    '/gemini/v2/models',
    `${MODEL}:doSomething`,
    `${MODEL}:constructor`,
    '/v1beta/models/:generateContent',
  ])('404 for the path %s', async (path) => {
    const { seen } = await refusal(path, parts({ text: 'x' }));
    expect(seen).toEqual([404, 'NOT_FOUND', 'INVALID_REQUEST']);
  });

  it('404 for a model that no project serves, naming those that are', async () => {
    for (const method of ['generateContent', 'streamGenerateContent', 'countTokens']) {
      const { seen, error } = await refusal(`/v1beta/models/gemini-0:${method}`, parts({ text: 'x' }));
      expect(seen).toEqual([404, 'NOT_FOUND', 'MODEL_NOT_FOUND']);
      expect(error.message).toContain('gemini-3.8-flash');
    }
  });

  it('400 for an unknown task', async () => {
    const { seen, error } = await refusal(GENERATE, parts({ text: 'x' }), { 'x-gateway-task': 'nothing' });
    expect(seen).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_REQUEST']);
    expect(error.message).toContain('chat, summary');
  });

  it('413 above the limit', async () => {
    const { seen } = await refusal(GENERATE, parts({ text: GARBAGE.repeat(200_000) }));
    expect(seen).toEqual([413, 'INVALID_ARGUMENT', 'REQUEST_TOO_LARGE']);
  });

  it('415 for what is not JSON', async () => {
    const { seen, error } = await refusal(GENERATE, GARBAGE, { 'content-type': 'text/plain' });
    expect(seen).toEqual([415, 'INVALID_ARGUMENT', 'INVALID_REQUEST']);
    expect(error.message).toContain('application/json');
  });

  it.each([
    ['malformed JSON', `{"contents": ${GARBAGE}}`, /not valid JSON/],
    ['truncated JSON', `{"contents": [{"parts": [{"text": "${GARBAGE}`, /not valid JSON/],
    ['a list', `["${GARBAGE}"]`, /must be a JSON object/],
    ['nothing', '', /empty/],
    ['100,000 levels of nesting', `{"contents":${'['.repeat(100_000)}`, /deeper than 100 levels/],
  ])('400 for %s, without quoting it', async (_what, body, says) => {
    const { seen, error } = await refusal(GENERATE, body);
    expect(seen).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_REQUEST']);
    expect(error.message).toMatch(says);
    expect(JSON.stringify(error)).not.toContain(GARBAGE);
  });

  it.each<[what: string, body: unknown, field: string, path?: string]>([
    ['no contents', { generationConfig: {} }, 'contents'],
    ['empty contents', { contents: [] }, 'contents'],
    ['contents that are no list', { contents: GARBAGE }, 'contents'],
    ['a content that is none', { contents: [GARBAGE] }, 'contents[0]'],
    ['no parts', { contents: [{ role: 'user' }] }, 'contents[0].parts'],
    ['empty parts', parts(), 'contents[0].parts'],
    ['a part that is none', parts({ text: 'x' }, null), 'contents[0].parts[1]'],
    ['a text that is none', parts({ text: 5 }), 'contents[0].parts[0].text'],
    [
      'inline data without a type',
      parts({ inlineData: { data: 'eA==' } }),
      'contents[0].parts[0].inlineData.mimeType',
    ],
    ['bad base64', inline('image/png', `!!${GARBAGE}!!`), 'contents[0].parts[1].inlineData.data'],
    ['base64 cut short', inline('application/pdf', 'JVBER'), 'contents[0].parts[1].inlineData.data'],
    [
      'an image that is none',
      inline('image/jpeg', Buffer.from(GARBAGE).toString('base64')),
      'contents[0].parts[1].inlineData.data',
    ],
    [
      'a system instruction without parts',
      { ...parts({ text: 'x' }), system_instruction: {} },
      'systemInstruction.parts',
    ],
    ['nothing to count', {}, 'contents', `${MODEL}:countTokens`],
    [
      'nothing to count within a request',
      { generateContentRequest: {} },
      'generateContentRequest.contents',
      `${MODEL}:countTokens`,
    ],
    ['nothing to embed', {}, 'content', `${EMBEDDER}:embedContent`],
    ['no texts to embed', { requests: [] }, 'requests', `${EMBEDDER}:batchEmbedContents`],
    ['one that is none', { requests: [{}] }, 'requests[0].content', `${EMBEDDER}:batchEmbedContents`],
  ])('400 for %s, naming the field', async (...[, body, field, path = GENERATE]) => {
    const { seen, error } = await refusal(path, body);
    expect(seen).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_REQUEST']);
    expect(fieldOf(error)).toBe(field);
  });

  it('400 with a status, not within a stream, where a stream was asked for', async () => {
    for (const query of ['?alt=sse', '']) {
      const { seen, error } = await refusal(`${MODEL}:streamGenerateContent${query}`, { contents: [] });
      expect(seen).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_REQUEST']);
      expect(fieldOf(error)).toBe('contents');
    }
  });

  it('leave nothing of their content and no key in the log, and one line each', async () => {
    await refusal(`${GENERATE}?${GARBAGE}=1`, `{"${GARBAGE}"`, { 'x-request-id': 'the-last-one' });
    await eventually(() => under.logText().includes('the-last-one'), 'the last line');
    const text = under.logText();
    for (const secret of [GARBAGE, 'wrong-key-7291', 'filing-key', 'generating-key', 'upstream-key'])
      expect(text).not.toContain(secret);
    const line = under.logs.find(({ request_id }) => request_id === 'the-last-one');
    expect(line).toMatchObject({
      outcome: 'INVALID_REQUEST',
      status_code: 400,
      route: '/v1beta/models/:call',
    });
  });
});

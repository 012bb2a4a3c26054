import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';

/** A user's program: nothing of it knows that there is a gateway but key and base URL. */
const PROGRAM = `
import { GoogleGenAI } from '@google/genai';
const [apiKey, baseUrl] = process.argv.slice(1);
const ai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } });
const model = 'gemini-3.8-flash';
const { text } = await ai.models.generateContent({ model, contents: 'the word is curlew' });
let streamed = '';
for await (const chunk of await ai.models.generateContentStream({ model, contents: 'the word is snipe' }))
  for (const part of chunk.candidates?.[0]?.content?.parts ?? []) streamed += part.text ?? '';
const { totalTokens } = await ai.models.countTokens({ model, contents: 'count' });
const blob = new Blob(['a note'], { type: 'text/plain' });
const { state, uri } = await ai.files.upload({ file: blob });
const refused = await new GoogleGenAI({ apiKey: 'nobody', httpOptions: { baseUrl } }).models
  .generateContent({ model, contents: 'hello' })
  .then(() => 0, (error) => error.status);
console.log(JSON.stringify({ text, streamed, totalTokens, state, uri, refused }));
`;

describe('a plain Node process', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest();
  });
  afterAll(() => under.close());

  it('uses the official client with nothing but key and base URL', async () => {
    const { PATH } = process.env;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', PROGRAM, '--', TEST_KEY, `${under.url}/gemini`],
      { env: { PATH }, timeout: 25_000 },
    );
    expect(JSON.parse(stdout)).toEqual({
      text: expect.stringContaining('curlew'),
      streamed: expect.stringContaining('snipe'),
      totalTokens: 2,
      state: 'ACTIVE',
      uri: expect.stringContaining('/v1beta/files/'),
      refused: 401,
    });
    const operations = under.upstreamCalls().map(({ operation }) => operation);
    expect(operations).toEqual(['generateContent', 'streamGenerateContent', 'countTokens']);
  });
});

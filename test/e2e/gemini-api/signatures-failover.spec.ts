import { FunctionCallingConfigMode, type Content, type GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { googleClient } from '../../helpers/google-clients.js';

const project = (id: string, model: string) =>
  `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", models: [${model}], credentials: { apiKeys: [{ secret: "env:KEY_${id}" }] } }`;
const CONFIG = `
resilience: { backoffMs: 1 }
models: { gemini-3.8-flash: {}, gemini-4-argon: {} }
projects:
${project('a', 'gemini-3.8-flash')}
${project('b', 'gemini-3.8-flash')}
${project('c', 'gemini-4-argon')}
`;
const tools = [
  { functionDeclarations: [{ name: 'find_city', parametersJsonSchema: { type: 'object', properties: {} } }] },
];
const MODEL = 'gemini-3.8-flash';

describe('a conversation that a model has signed', () => {
  let under: GatewayUnderTest;
  let ai: GoogleGenAI;
  beforeEach(async () => {
    under = await gatewayUnderTest({
      config: CONFIG,
      environment: { KEY_a: 'key-a', KEY_b: 'key-b', KEY_c: 'key-c' },
    });
    ai = googleClient(under);
  });
  afterEach(() => under.close());

  /** The first turn, and the history with its function calls answered. */
  async function begin(model = MODEL): Promise<{ history: Content[]; key: string }> {
    const contents: Content[] = [{ role: 'user', parts: [{ text: 'Where is it?' }] }];
    const config = { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } };
    const answer = await ai.models.generateContent({ model, contents, config });
    const said = answer.candidates?.[0]?.content;
    const signed = said?.parts?.find(({ functionCall }) => functionCall);
    expect(signed?.thoughtSignature).toBeTruthy();
    const call = signed?.functionCall;
    const answered = { functionResponse: { id: call?.id, name: call?.name, response: { city: 'Bonn' } } };
    return {
      history: [...contents, said ?? {}, { role: 'user', parts: [answered as never] }],
      key: under.upstreamCalls().at(-1)?.key ?? '',
    };
  }
  const goOn = (contents: Content[], model: string) =>
    ai.models.generateContent({ model, contents, config: { tools } });

  it('stays with the project that signed it', async () => {
    for (let round = 0; round < 8; round += 1) {
      const { history, key } = await begin();
      await goOn(history, MODEL);
      expect(under.upstreamCalls().at(-1)?.key).toBe(key);
    }
  });

  it('goes on elsewhere with its signatures replaced when that project fails', async () => {
    const { history, key } = await begin();
    under.emulator.scenarios.add({ kind: 'unavailable-503', times: 0, match: { key } });
    const answer = await goOn(history, MODEL);
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP');
    expect(under.upstreamCalls().at(-1)).toMatchObject({ status: 200 });
    expect(under.upstreamCalls().at(-1)?.key).not.toBe(key);
    const id = String(answer.sdkHttpResponse?.headers?.['x-request-id']);
    const { json } = await jsonOf(under.call(`/v1/requests/${id}/explain`));
    expect(json['attempts']).toEqual([
      expect.not.objectContaining({ signaturesReplaced: true }),
      expect.objectContaining({ signaturesReplaced: true }),
    ]);
  });

  it('goes on with a model of another family that would refuse its signatures', async () => {
    const { history } = await begin();
    const before = under.upstreamCalls().length;
    const answer = await goOn(history, 'gemini-4-argon');
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP');
    expect(
      under
        .upstreamCalls()
        .slice(before)
        .map(({ status }) => status),
    ).toEqual([200]);
  });

  it('asks once more with other signatures where it did not see who signed and they are refused', async () => {
    const { history } = await begin();
    // What another replica, or this one before a restart, has passed on.
    const foreign = structuredClone(history);
    for (const part of foreign[1]?.parts ?? [])
      if (part.thoughtSignature !== undefined)
        part.thoughtSignature = Buffer.from('of another model').toString('base64');
    const before = under.upstreamCalls().length;
    const answer = await goOn(foreign, MODEL);
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP');
    expect(
      under
        .upstreamCalls()
        .slice(before)
        .map(({ status }) => status),
    ).toEqual([400, 200]);
  });
});

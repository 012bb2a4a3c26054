import type { JsonObject as Struct, MessageInitShape } from '@bufbuild/protobuf';
import type { JsonObject } from '../../../src/core/json.js';
import type { GenerateRequestSchema } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';

/** A question in words of no surface. */
export interface Question {
  readonly turns: readonly { readonly role: 'user' | 'model'; readonly text: string }[];
  readonly system?: string;
  /** PNG in base64, before the last text. */
  readonly image?: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxOutputTokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly schema?: JsonObject;
  readonly tool?: { readonly name: string; readonly description: string; readonly parameters: JsonObject };
}

const MODEL = 'gemini-3.8-flash';
const PNG = 'image/png';

type Given<T> = { readonly [Name in keyof T]?: Exclude<T[Name], undefined> };

/** Without what is undefined. */
function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
const unlessEmpty = <T extends object>(fields: T): T | undefined =>
  Object.keys(fields).length === 0 ? undefined : fields;

/** The question in Gemini's own words: what each surface must come to upstream. */
export function geminiRequest(question: Question): JsonObject {
  const { turns, system, image, tool, schema, stop } = question;
  const contents = turns.map(({ role, text }, index) => ({
    role,
    parts: [
      ...(image !== undefined && index === turns.length - 1
        ? [{ inlineData: { mimeType: PNG, data: image } }]
        : []),
      { text },
    ],
  }));
  const { temperature, topP, maxOutputTokens, seed } = question;
  return given({
    contents,
    systemInstruction: system === undefined ? undefined : { parts: [{ text: system }] },
    tools: tool && [
      {
        functionDeclarations: [
          { name: tool.name, description: tool.description, parametersJsonSchema: tool.parameters },
        ],
      },
    ],
    generationConfig: unlessEmpty(
      given({
        temperature,
        topP,
        maxOutputTokens,
        seed,
        stopSequences: stop,
        responseMimeType: schema && 'application/json',
        responseJsonSchema: schema,
      }),
    ),
  }) as unknown as JsonObject;
}

/** The body of `/v1/generate`. */
export function restBody(question: Question): object {
  const { contents, tools } = geminiRequest(question);
  const { system, schema, temperature, topP, maxOutputTokens, seed, stop } = question;
  const generation = unlessEmpty(given({ temperature, topP, maxOutputTokens, seed, stopSequences: stop }));
  return given({ model: MODEL, contents, tools, system, schema, generation });
}

/** The body of `/openai/v1/chat/completions`. */
export function chatBody(question: Question): object {
  const { turns, system, image, tool, schema, stop, temperature, topP, maxOutputTokens, seed } = question;
  const messages = turns.map(({ role, text }, index) =>
    role === 'model'
      ? { role: 'assistant', content: text }
      : {
          role: 'user',
          content:
            image !== undefined && index === turns.length - 1
              ? [
                  { type: 'image_url', image_url: { url: `data:${PNG};base64,${image}` } },
                  { type: 'text', text },
                ]
              : text,
        },
  );
  return given({
    model: MODEL,
    messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), ...messages],
    temperature,
    top_p: topP,
    max_completion_tokens: maxOutputTokens,
    seed,
    stop,
    response_format: schema && { type: 'json_schema', json_schema: { name: 'answer', schema } },
    tools: tool && [{ type: 'function', function: tool }],
  });
}

/** Whether Anthropic's API can ask it: it has no seed, and wants to be told how long the answer may be. */
export function isMessage({ seed, maxOutputTokens }: Question): boolean {
  return seed === undefined && maxOutputTokens !== undefined;
}

/** The body of `/anthropic/v1/messages`. */
export function messageBody(question: Question): object {
  const { turns, system, image, tool, schema, stop, temperature, topP, maxOutputTokens } = question;
  const messages = turns.map(({ role, text }, index) => ({
    role: role === 'model' ? 'assistant' : 'user',
    content:
      image !== undefined && index === turns.length - 1
        ? [
            { type: 'image', source: { type: 'base64', media_type: PNG, data: image } },
            { type: 'text', text },
          ]
        : text,
  }));
  return given({
    model: MODEL,
    max_tokens: maxOutputTokens,
    messages,
    system,
    temperature,
    top_p: topP,
    stop_sequences: stop,
    output_config: schema && { format: { type: 'json_schema', schema } },
    tools: tool && [{ name: tool.name, description: tool.description, input_schema: tool.parameters }],
  });
}

/** The message of `Generate`. */
export function grpcRequest(question: Question): MessageInitShape<typeof GenerateRequestSchema> {
  const { turns, system, image, tool, schema, stop, temperature, topP, maxOutputTokens, seed } = question;
  const settings = given({ temperature, topP, maxOutputTokens, seed, stopSequences: stop && [...stop] });
  return {
    model: MODEL,
    contents: turns.map(({ role, text }, index) => ({
      role,
      parts: [
        ...(image !== undefined && index === turns.length - 1
          ? [
              {
                data: {
                  case: 'inlineData' as const,
                  value: { mimeType: PNG, data: Uint8Array.from(Buffer.from(image, 'base64')) },
                },
              },
            ]
          : []),
        { data: { case: 'text' as const, value: text } },
      ],
    })),
    ...(given({ system, schema, generation: unlessEmpty(settings) }) as object),
    tools: tool === undefined ? [] : ((geminiRequest(question)['tools'] ?? []) as Struct[]),
  };
}

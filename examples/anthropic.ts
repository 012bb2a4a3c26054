/**
 * Anthropic's client against the gateway: a question, an answer piece by piece, and a tool. Reads GATEWAY_URL (for
 * example http://localhost:8080) and GATEWAY_KEY.
 */
import Anthropic from '@anthropic-ai/sdk';

const { GATEWAY_URL: url = 'http://localhost:8080', GATEWAY_KEY: apiKey = '' } = process.env;
const ai = new Anthropic({ baseURL: `${url}/anthropic`, apiKey });
const model = 'task:chat';

const textOf = ({ content }: Pick<Anthropic.Message, 'content'>): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');

// A question. The task decides which model answers.
const answer = await ai.messages.create({
  model,
  max_tokens: 1_000,
  messages: [{ role: 'user', content: 'Good morning' }],
});
console.log(`${answer.model}: ${textOf(answer)}`);

// Piece by piece, with the tokens at the end.
const stream = ai.messages.stream({
  model,
  max_tokens: 1_000,
  messages: [{ role: 'user', content: 'Tell me of the heron' }],
});
stream.on('text', (text) => process.stdout.write(text));
const { usage } = await stream.finalMessage();
console.log(`\n${usage.input_tokens + usage.output_tokens} tokens`);

// A tool, called with thoughts shown: their signature goes back with the conversation, as clients send it.
const tools: Anthropic.Tool[] = [
  {
    name: 'read_weather',
    description: 'Tells the weather of a place.',
    input_schema: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
  },
];
const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Use read_weather for Rye' }];
const ask = () =>
  ai.messages.create({ model, max_tokens: 2_000, thinking: { type: 'adaptive' }, tools, messages });
let turn = await ask();
while (turn.stop_reason === 'tool_use') {
  const results = turn.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
    block.type === 'tool_use'
      ? [{ type: 'tool_result', tool_use_id: block.id, content: '{"sky":"clear","degrees":14}' }]
      : [],
  );
  messages.push({ role: 'assistant', content: turn.content }, { role: 'user', content: results });
  turn = await ask();
}
console.log(textOf(turn));

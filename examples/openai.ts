/**
 * OpenAI's client against the gateway: a question, an answer piece by piece, and a tool. Reads GATEWAY_URL (for example
 * http://localhost:8080) and GATEWAY_KEY.
 */
import OpenAI from 'openai';

const { GATEWAY_URL: url = 'http://localhost:8080', GATEWAY_KEY: apiKey = '' } = process.env;
const ai = new OpenAI({ baseURL: `${url}/openai/v1`, apiKey });
const model = 'task:chat';

// A question. The task decides which model answers.
const answer = await ai.chat.completions.create({
  model,
  messages: [{ role: 'user', content: 'Good morning' }],
});
console.log(`${answer.model}: ${answer.choices[0]?.message.content}`);

// Piece by piece, with the tokens at the end.
const stream = await ai.chat.completions.create({
  model,
  messages: [{ role: 'user', content: 'Tell me of the heron' }],
  stream: true,
  stream_options: { include_usage: true },
});
for await (const { choices, usage } of stream) {
  process.stdout.write(choices[0]?.delta.content ?? '');
  if (usage) console.log(`\n${usage.total_tokens} tokens`);
}

// A tool. The gateway keeps the thought signature that Gemini wants back with the result.
const runner = ai.chat.completions.runTools({
  model,
  messages: [{ role: 'user', content: 'Use read_weather for Rye' }],
  tools: [
    {
      type: 'function',
      function: {
        name: 'read_weather',
        description: 'Tells the weather of a place.',
        parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
        function: () => ({ sky: 'clear', degrees: 14 }),
      },
    },
  ],
});
console.log(await runner.finalContent());

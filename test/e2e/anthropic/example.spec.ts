import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';

const root = new URL('../../../', import.meta.url);
const EXAMPLE = fileURLToPath(new URL('examples/anthropic.ts', root));

let under: GatewayUnderTest;
beforeAll(async () => {
  under = await gatewayUnderTest();
});
afterAll(() => under.close());

it('examples/anthropic.ts runs as it stands', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', EXAMPLE], {
    env: { GATEWAY_URL: under.url, GATEWAY_KEY: TEST_KEY },
  });
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(/^gemini-3\.8-flash: You said: "Good morning"\./),
    expect.stringContaining('Tell me of the heron'),
    expect.stringMatching(/^\d+ tokens$/),
    expect.stringContaining('The function answered.'),
    '',
  ]);
  expect(under.upstreamCalls()).toHaveLength(4);
});

it.each(['docs/anthropic.md', 'README.md'])('what %s shows runs, too', async (file) => {
  const blocks = readFileSync(new URL(file, root), 'utf8').matchAll(/^```js\n(.*?)^```/gms);
  const [, shown = ''] = [...blocks].find(([block]) => block.includes('@anthropic-ai/sdk')) ?? [];
  const code = `${shown.replace('http://localhost:8080', under.url).replace('my-key', TEST_KEY)}
console.log(JSON.stringify(message.content));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', code],
    { cwd: fileURLToPath(root) },
  );
  expect(JSON.parse(stdout)).toMatchObject([{ type: 'text', text: expect.stringContaining('Good morning') }]);
});

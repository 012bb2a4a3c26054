import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';

const EXAMPLE = fileURLToPath(new URL('../../../examples/openai.ts', import.meta.url));

let under: GatewayUnderTest;
beforeAll(async () => {
  under = await gatewayUnderTest();
});
afterAll(() => under.close());

it('examples/openai.ts runs as it stands', async () => {
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

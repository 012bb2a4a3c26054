import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';

const EXAMPLE = fileURLToPath(new URL('../../../examples/grpc.ts', import.meta.url));

let under: GatewayUnderTest;
beforeAll(async () => {
  under = await gatewayUnderTest();
});
afterAll(() => under.close());

it('examples/grpc.ts runs as it stands, with no more than the proto file', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', EXAMPLE], {
    env: { GATEWAY_GRPC: under.grpcAddress, GATEWAY_KEY: TEST_KEY },
  });
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(/^\d+ models$/),
    expect.stringMatching(/^gemini-3\.8-flash: You said: "Good morning"\./),
    expect.stringContaining('Tell me of the heron'),
    expect.stringMatching(/^\d+ tokens$/),
    'refused with 3: "generation.max_output_tokens" must be >= 1.',
    '',
  ]);
  expect(under.upstreamCalls()).toHaveLength(2);
});

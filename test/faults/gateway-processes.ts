import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request, type Dispatcher } from 'undici';
import { startEmulator, type Emulator } from '../../src/emulator/emulator.js';
import { built, endAll, gatewayProcess, type GatewayProcess } from '../helpers/gateway-process.js';

const KEY = 'key-of-the-fault-suite';

/** A built gateway as a process of its own, in front of an emulator in this one. */
export interface ProcessUnderTest {
  readonly emulator: Emulator;
  readonly gateway: GatewayProcess;
  readonly url: string;
  /** Asks for an answer, each time over a connection of its own, which is closed after it. */
  generate(body: object): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

/** Builds where needed and starts one; no more files than `maxOpenFiles` may be open in it. */
export async function processUnderTest(
  environment: Record<string, string> = {},
  maxOpenFiles?: number,
): Promise<ProcessUnderTest> {
  await built();
  const emulator = await startEmulator();
  const directory = await mkdtemp(join(tmpdir(), 'gateway-faults-'));
  const config = join(directory, 'own.yaml');
  await writeFile(
    config,
    `projects:
  - id: own
    provider: gemini
    baseUrl: ${emulator.url}
    credentials: { apiKeys: [{ secret: "env:GEMINI_API_KEY" }] }
    timeouts: { connectMs: 500 }
tasks: { chat: { models: [gemini-3.8-flash] } }
resilience: { breaker: { openMs: 50, maxOpenMs: 50 } }
`,
  );
  const variables = {
    GATEWAY_CONFIG: config,
    GEMINI_API_KEY: 'k',
    GATEWAY_BOOTSTRAP_KEY: KEY,
    ...environment,
  };
  const gateway = gatewayProcess(variables, maxOpenFiles);
  const url = await gateway.serving();
  const agent = new Agent();
  return {
    emulator,
    gateway,
    url,
    generate: (body) =>
      request(`${url}/v1/generate`, {
        dispatcher: agent,
        method: 'POST',
        reset: true,
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ task: 'chat', prompt: 'the word is heron', ...body }),
      }),
    async close() {
      await agent.destroy();
      endAll();
      await gateway.ended;
      await emulator.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

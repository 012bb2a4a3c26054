import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { built, endAll, gatewayProcess } from '../../helpers/gateway-process.js';
import { startSpanReceiver, type SpanReceiver } from '../../helpers/span-receiver.js';

/** Has a process name the parts of OpenTelemetry's SDK that it loads. */
const WATCH = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    const name = /node_modules\\/(@opentelemetry\\/(?!api\\/)[^/]+)/.exec(url)?.[1];
    if (name !== undefined) process.stderr.write('loaded ' + name + '\\n');
    return next(url, context);
  },
});
`)}`;

describe('the SDK for spans', () => {
  let receiver: SpanReceiver;
  beforeAll(async () => {
    await built();
    receiver = await startSpanReceiver();
  }, 60_000);
  afterEach(endAll);
  afterAll(() => receiver.close());

  async function loaded(environment: Record<string, string>): Promise<Set<string | undefined>> {
    const process = gatewayProcess({ NODE_OPTIONS: `--import ${WATCH}`, ...environment });
    await process.serving();
    process.child.kill('SIGTERM');
    await process.ended;
    return new Set([...process.stderr().matchAll(/^loaded (\S+)$/gm)].map(([, name]) => name));
  }

  it('is not even loaded where nobody collects them', async () => {
    expect(await loaded({})).toEqual(new Set());
  });

  it('is where a receiver is named', async () => {
    expect(await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })).toContain('@opentelemetry/sdk-trace');
  });
});

import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { PinoLogger } from 'nestjs-pino';
import type { SecretStore } from '../../../src/config/secrets.js';
import { SpanExport } from '../../../src/telemetry/span-export.js';
import { TracesConfig } from '../../../src/telemetry/traces.config.js';
import { eventually } from '../../helpers/eventually.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { startSpanReceiver, type SpanReceiver } from '../../helpers/span-receiver.js';

const SECRETS = { watch: (reference: string) => ({ current: () => `value of ${reference}` }) };

/** An exporter to `endpoint`, and a way to send one span through it. */
function exporting(endpoint: string, config: Partial<TracesConfig> = {}) {
  const clock = new ManualClock();
  const lines: { about: Record<string, unknown>; message: string }[] = [];
  const logger = {
    warn: (about: Record<string, unknown>, message: string) => lines.push({ about, message }),
  };
  const exporter = new SpanExport(
    endpoint,
    Object.assign(new TracesConfig(), config),
    SECRETS as unknown as SecretStore,
    clock,
    logger as unknown as PinoLogger,
  );
  const processor = new BatchSpanProcessor({ exporter });
  const tracer = new TracerProvider({
    resource: resourceFromAttributes({}),
    spanProcessors: [processor],
  }).getTracer('test');
  return {
    clock,
    exporter,
    lines,
    send: async () => {
      tracer.startSpan('one').end();
      await processor.forceFlush().catch(() => undefined);
    },
  };
}

describe('SpanExport', () => {
  let receiver: SpanReceiver;
  afterEach(() => receiver.close());

  it.each([
    ['', '/v1/traces'],
    ['/', '/v1/traces'],
    ['/tenant', '/tenant/v1/traces'],
    ['/tenant/v1/traces', '/tenant/v1/traces'],
  ])('sends spans to the receiver below %s, with its headers, and counts them', async (path, sent) => {
    receiver = await startSpanReceiver();
    const { exporter, lines, send } = exporting(receiver.url + path, {
      headers: { authorization: { secret: 'env:TOKEN' } },
    });
    await send();
    await exporter.shutdown();
    expect(receiver.requests).toMatchObject([
      { method: 'POST', url: sent, headers: { authorization: 'value of env:TOKEN' } },
    ]);
    expect(receiver.spans()).toMatchObject([{ name: 'one' }]);
    expect([exporter.exported, exporter.failed]).toEqual([1, 0]);
    exporter.cut(0);
    expect(lines).toEqual([]);
  });

  it('counts what the receiver refuses, and says so once a minute', async () => {
    receiver = await startSpanReceiver((res) => void res.writeHead(400).end('no'));
    const { exporter, clock, lines, send } = exporting(receiver.url);
    await send();
    await send();
    expect(lines).toEqual([{ about: { spans_lost: 1 }, message: 'spans cannot be exported: Bad Request' }]);
    clock.advance(60_000);
    await send();
    expect(lines.map(({ about }) => about)).toEqual([{ spans_lost: 1 }, { spans_lost: 3 }]);
    expect([exporter.exported, exporter.failed]).toEqual([0, 3]);
    exporter.cut(0);
  });

  it('gives up what is under way when it is cut, and says how much that is', async () => {
    receiver = await startSpanReceiver();
    const accepted: unknown[] = [];
    const closed: unknown[] = [];
    const hole = createServer((socket) => {
      accepted.push(socket);
      socket.on('data', () => undefined).on('close', () => closed.push(socket));
    }).listen(0, '127.0.0.1');
    await once(hole, 'listening');
    const { exporter, lines, send } = exporting(`http://127.0.0.1:${(hole.address() as AddressInfo).port}`);
    const sending = send();
    await eventually(() => accepted.length > 0, 'the connection');
    exporter.cut(1);
    await eventually(() => closed.length === 1, 'its end');
    await sending;
    expect([exporter.exported, exporter.failed]).toEqual([0, 1]);
    expect(lines).toEqual([
      { about: { spans_lost: 1 }, message: 'the last spans could not be sent in time' },
    ]);
    expect(accepted).toHaveLength(1);
    hole.close();
  });
});

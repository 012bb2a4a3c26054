import { createRegistry, fromBinary, type Message } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { GatewayError, REASONS, type Reason } from '../../../../src/core/gateway-error.js';
import { failureOfLibrary } from '../../../../src/transport/grpc/foreign-status.js';
import { UsageSchema } from '../../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '../../../../src/transport/grpc/gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../../../src/transport/grpc/gen/google/rpc/status_pb.js';
import { GrpcError, isOwnStatus, statusOf } from '../../../../src/transport/grpc/grpc.errors.js';
import { protoPath } from '../../../../src/transport/grpc/proto-path.js';
import { usageFixture } from '../../../helpers/calls.js';

const registry = createRegistry(
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
  UsageSchema,
);

function told(error: GatewayError) {
  const { code, details, metadata } = statusOf(error, 'r-1');
  const [binary] = metadata.get('grpc-status-details-bin');
  const rpc = fromBinary(StatusSchema, binary as Buffer);
  const messages = rpc.details.map((any) => anyUnpack(any, registry) as Message);
  const byType = Object.fromEntries(messages.map((one) => [one.$typeName, one]));
  return { code, details, metadata, rpc, byType };
}

describe('statusOf', () => {
  it.each(Object.keys(REASONS) as Reason[])('%s has its canonical code, its reason and the id', (reason) => {
    const { code, details, metadata, rpc, byType } = told(new GatewayError(reason, 'In words.'));
    expect(status[code]).toBe(REASONS[reason].code);
    expect(details).toBe('In words.');
    expect(rpc).toMatchObject({ code, message: 'In words.' });
    expect(metadata.get('x-request-id')).toEqual(['r-1']);
    expect(byType['google.rpc.ErrorInfo']).toMatchObject({
      reason,
      domain: 'gemini-gateway',
      metadata: { requestId: 'r-1' },
    });
  });

  it('tells when to try again, to the millisecond and never before', () => {
    const { byType } = told(new GatewayError('RATE_LIMITED', 'x', { retryAfterMs: 1_234.1 }));
    expect(byType['google.rpc.RetryInfo']).toMatchObject({ retryDelay: { seconds: 1n, nanos: 235_000_000 } });
    expect(told(new GatewayError('RATE_LIMITED', 'x')).byType).not.toHaveProperty(['google.rpc.RetryInfo']);
  });

  it.each<[Reason, string]>([
    ['RATE_LIMITED', 'caller'],
    ['BUDGET_EXHAUSTED', 'caller'],
    ['QUEUE_FULL', 'gateway'],
    ['UPSTREAM_RATE_LIMITED', 'upstream'],
    ['UPSTREAM_QUOTA_EXHAUSTED', 'upstream'],
  ])('%s tells whose quota it is', (reason, subject) => {
    const { byType } = told(new GatewayError(reason, 'x', { metadata: { quotaId: 'PerDay' } }));
    expect(byType['google.rpc.QuotaFailure']).toMatchObject({
      violations: [{ subject, description: 'x', quotaId: 'PerDay' }],
    });
  });

  it('tells the tokens that a failed call used', () => {
    const { byType } = told(new GatewayError('SAFETY_BLOCKED', 'x', { usage: usageFixture(3, 5) }));
    expect(byType['gemini_gateway.v1.Usage']).toMatchObject({ inputTokens: 3, outputTokens: 5 });
  });

  it('names fields as the proto file does, in the message as well', () => {
    const field = 'contents[0].parts[0].inlineData.data';
    const { details, byType } = told(
      new GatewayError('INVALID_REQUEST', `"${field}" is no image.`, { metadata: { field } }),
    );
    expect(details).toBe('"contents[0].parts[0].inline_data.data" is no image.');
    expect(byType['google.rpc.BadRequest']).toMatchObject({
      fieldViolations: [{ field: 'contents[0].parts[0].inline_data.data' }],
    });
  });

  it('lets no cause out', () => {
    const { rpc, metadata } = told(GatewayError.from(new Error('secret of the inside')));
    const values = rpc.details.map(({ value }) => Buffer.from(value).toString());
    expect(values.join()).not.toContain('secret');
    expect(JSON.stringify(metadata.getMap())).not.toContain('secret');
  });

  it('is bounded, and can be sent whatever an upstream said', () => {
    const { details, rpc } = told(new GatewayError('SAFETY_BLOCKED', `\ud800 ${'x'.repeat(50_000)}`));
    expect(details).toHaveLength(1_000);
    expect(() => encodeURI(details)).not.toThrow();
    expect(rpc.message).toBe(details);
  });

  it('uses a code of its own where gRPC has one', () => {
    expect(told(new GrpcError('NOT_FOUND', 'INVALID_REQUEST', 'x'))).toMatchObject({
      code: status.NOT_FOUND,
      byType: { 'google.rpc.ErrorInfo': { reason: 'INVALID_REQUEST' } },
    });
  });

  it('is known again, and others are not', () => {
    expect(isOwnStatus(statusOf(new GatewayError('INTERNAL', 'x'), 'r'))).toBe(true);
    expect(isOwnStatus({ metadata: new Metadata() })).toBe(false);
    expect(isOwnStatus({ metadata: null })).toBe(false);
    expect(isOwnStatus({})).toBe(false);
  });
});

describe('failureOfLibrary', () => {
  it.each([
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded', 'DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
    [status.RESOURCE_EXHAUSTED, 'Received message larger than max', 'REQUEST_TOO_LARGE', 'INVALID_ARGUMENT'],
    [status.UNIMPLEMENTED, 'Received no request message', 'INVALID_REQUEST', 'UNIMPLEMENTED'],
    [status.UNIMPLEMENTED, 'Received message compressed with', 'INVALID_REQUEST', 'UNIMPLEMENTED'],
    [status.INTERNAL, 'Failed to decompress message', 'INVALID_REQUEST', 'INVALID_ARGUMENT'],
    [status.INTERNAL, 'Invalid grpc-timeout value', 'INVALID_REQUEST', 'INVALID_ARGUMENT'],
    [status.INTERNAL, 'Internal server error', 'CANCELLED', 'CANCELLED'],
    [status.UNKNOWN, 'Unknown error', 'INTERNAL', 'INTERNAL'],
  ])('makes of %s (%s) a %s', (code, details, reason, canonical) => {
    expect(failureOfLibrary(code, details, 5)).toMatchObject({ reason, code: canonical });
  });
});

describe('protoPath', () => {
  it.each([
    ['generation.maxOutputTokens', 'generation.max_output_tokens'],
    ['contents[0].parts[1].inlineData.data', 'contents[0].parts[1].inline_data.data'],
    ['generation.extra.candidateCount', 'generation.extra.candidateCount'],
    ['extra.novelField.innerOne', 'extra.novelField.innerOne'],
    ['extraordinary.oneTwo', 'extraordinary.one_two'],
    ['task', 'task'],
  ])('of %s is %s', (path, expected) => {
    expect(protoPath(path)).toBe(expected);
  });
});

import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, type Any } from '@bufbuild/protobuf/wkt';
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import {
  GatewayError,
  type CanonicalCode,
  type ErrorMetadata,
  type Reason,
} from '../../core/gateway-error.js';
import { NO_USAGE } from '../../core/usage.js';
import { UsageSchema } from './gen/gemini_gateway/v1/gateway_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from './gen/google/rpc/error_details_pb.js';
import { StatusSchema } from './gen/google/rpc/status_pb.js';
import { protoPath } from './proto-path.js';
import { usageMessage } from './usage.mapper.js';

/** A failure that gRPC has a code of its own for, other than the reason's. */
export class GrpcError extends GatewayError {
  readonly #code: CanonicalCode;

  constructor(code: CanonicalCode, reason: Reason, message: string, metadata: ErrorMetadata = {}) {
    super(reason, message, { metadata });
    this.#code = code;
  }

  override get code(): CanonicalCode {
    return this.#code;
  }
}

/** Domain of every reason (google.rpc.ErrorInfo.domain). */
const ERROR_DOMAIN = 'gemini-gateway';

/** Where gRPC keeps the details of a status. */
const DETAILS = 'grpc-status-details-bin';
// Clients refuse trailers above some 8 KiB, and with them the whole status.
const MAX_TEXT_CHARACTERS = 1_000;
const MS_PER_SECOND = 1_000;
const NANOS_PER_MS = 1_000_000;

/** A failure as the status that ends its call, with google.rpc details; nothing of its cause. */
export function statusOf(error: GatewayError, requestId: string, canonical = error.code): StatusObject {
  const code = status[canonical];
  const field = error.metadata.field === undefined ? undefined : protoPath(error.metadata.field);
  const message = bounded(
    field === undefined ? error.message : error.message.replace(`"${error.metadata.field}"`, `"${field}"`),
  );
  const details = create(StatusSchema, {
    code,
    message,
    details: detailsOf(error, requestId, message, field),
  });
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  metadata.set(DETAILS, Buffer.from(toBinary(StatusSchema, details)));
  return { code, details: message, metadata };
}

/** Whether a status has been made here: every failure that we tell has details. */
export function isOwnStatus({ metadata }: { readonly metadata?: Metadata | null | undefined }): boolean {
  return (metadata?.get(DETAILS).length ?? 0) > 0;
}

function detailsOf(
  error: GatewayError,
  requestId: string,
  message: string,
  field: string | undefined,
): Any[] {
  const { reason, retryAfterMs, metadata, details: more, usage = NO_USAGE } = error;
  const about = { ...metadata, ...more, ...(field === undefined ? {} : { field }), requestId };
  const details = [packed(ErrorInfoSchema, { reason, domain: ERROR_DOMAIN, metadata: textual(about) })];
  if (retryAfterMs !== undefined)
    details.push(packed(RetryInfoSchema, { retryDelay: durationOf(retryAfterMs) }));
  if (QUOTA_SUBJECTS[reason] !== undefined)
    details.push(quotaFailure(QUOTA_SUBJECTS[reason], message, metadata));
  if (field !== undefined) {
    details.push(packed(BadRequestSchema, { fieldViolations: [{ field, description: message, reason }] }));
  }
  if (usage.totalTokens > 0) details.push(anyPack(UsageSchema, usageMessage(usage)));
  return details;
}

/** Whose quota a reason is about; reasons that are about none are absent. */
const QUOTA_SUBJECTS: Partial<Record<Reason, string>> = {
  RATE_LIMITED: 'caller',
  QUEUE_FULL: 'gateway',
  BUDGET_EXHAUSTED: 'caller',
  UPSTREAM_RATE_LIMITED: 'upstream',
  UPSTREAM_QUOTA_EXHAUSTED: 'upstream',
};

function quotaFailure(subject: string, description: string, { quotaId }: ErrorMetadata): Any {
  const violation = {
    subject,
    description,
    ...(typeof quotaId === 'string' ? { quotaId: bounded(quotaId) } : {}),
  };
  return packed(QuotaFailureSchema, { violations: [violation] });
}

function durationOf(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.ceil(ms));
  return {
    seconds: BigInt(Math.trunc(whole / MS_PER_SECOND)),
    nanos: (whole % MS_PER_SECOND) * NANOS_PER_MS,
  };
}

function textual(about: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(about)) {
    if (value === undefined) continue;
    texts[name] = bounded(typeof value === 'string' ? value : JSON.stringify(value));
  }
  return texts;
}

/** No longer than what fits, and nothing that percent-encoding throws at. */
function bounded(text: string): string {
  return text.slice(0, MAX_TEXT_CHARACTERS).toWellFormed();
}

function packed<Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): Any {
  return anyPack(schema, create(schema, init));
}

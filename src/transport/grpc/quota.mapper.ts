import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { BucketOverview, TargetOverview } from '../../routing/quota-overview.js';
import {
  GetQuotaResponseSchema,
  type GetQuotaResponse,
  type QuotaBucketSchema,
} from './gen/gemini_gateway/v1/gateway_pb.js';
import { int32 } from './usage.mapper.js';

/** The quotas of all targets as a message. */
export function quotaMessage(targets: readonly TargetOverview[]): GetQuotaResponse {
  return create(GetQuotaResponseSchema, {
    targets: targets.map(({ project, location, model, openReservations, buckets, marks }) => ({
      project,
      location,
      model,
      openReservations: int32(openReservations),
      buckets: buckets.map(bucketInit),
      marks: marks.map(({ bucket, leftMs, why }) => ({ bucket, leftMs, why })),
    })),
  });
}

function bucketInit(bucket: BucketOverview): MessageInitShape<typeof QuotaBucketSchema> {
  const { limit, used, reserved, debt, resetMs } = bucket;
  return {
    bucket: bucket.bucket,
    limit: int64(limit),
    source: bucket.source,
    ...(used === undefined ? {} : { used: int64(used) }),
    ...(reserved === undefined ? {} : { reserved: int64(reserved) }),
    ...(debt === undefined ? {} : { debt: int64(debt) }),
    ...(resetMs === undefined ? {} : { resetMs }),
  };
}

function int64(count: number): bigint {
  return BigInt(Math.trunc(count));
}

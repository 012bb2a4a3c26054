import { create } from '@bufbuild/protobuf';
import { Controller, UseFilters } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  Health,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthListResponseSchema,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthListRequest,
  type HealthListResponse,
} from './gen/grpc/health/v1/health_pb.js';
import { GrpcError } from './grpc.errors.js';
import { GrpcHealth, HEALTH_OF } from './grpc-health.js';
import type { Incoming, IncomingStream } from './grpc-transport.js';
import { PassThrown } from './pass-thrown.filter.js';

/** gRPC's own health checking. Needs no key. Source: grpc/doc/health-checking.md. */
@Controller()
@UseFilters(PassThrown)
export class GrpcHealthController {
  constructor(private readonly health: GrpcHealth) {}

  @GrpcMethod(Health.typeName, 'Check')
  check({ request: { service } }: Incoming<HealthCheckRequest>): HealthCheckResponse {
    const status = this.health.of(service);
    if (status === undefined)
      throw new GrpcError('NOT_FOUND', 'INVALID_REQUEST', 'There is no such service.');
    return create(HealthCheckResponseSchema, { status });
  }

  @GrpcMethod(Health.typeName, 'List')
  list(_incoming: Incoming<HealthListRequest>): HealthListResponse {
    const statuses = HEALTH_OF.map((service) => [
      service,
      { status: this.health.of(service) ?? ServingStatus.UNKNOWN },
    ]);
    return create(HealthListResponseSchema, { statuses: Object.fromEntries(statuses) });
  }

  /** Tells every change until the client leaves or the gateway ends. */
  @GrpcMethod(Health.typeName, 'Watch')
  async watch({
    request,
    exchange,
    answer,
  }: IncomingStream<HealthCheckRequest, HealthCheckResponse>): Promise<void> {
    let told: ServingStatus | undefined;
    for (;;) {
      const status = this.health.of(request.service) ?? ServingStatus.SERVICE_UNKNOWN;
      if (status === told) await this.health.changed(exchange.signal);
      else await answer.write(create(HealthCheckResponseSchema, { status }));
      told = status;
    }
  }
}

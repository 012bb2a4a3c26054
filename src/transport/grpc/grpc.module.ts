import { Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { RoutingModule } from '../../routing/routing.module.js';
import { SharedModule } from '../shared/shared.module.js';
import { GrpcController } from './gateway.controller.js';
import { GrpcAdmission } from './grpc-admission.js';
import { GrpcCertificates } from './grpc-certificates.js';
import { GrpcEdge } from './grpc-edge.js';
import { GrpcHealth } from './grpc-health.js';
import { GrpcHealthController } from './grpc-health.controller.js';
import { GrpcQuotaController } from './grpc-quota.controller.js';
import { GrpcServer } from './grpc-server.js';
import { GrpcSurface } from './grpc-surface.js';
import { GrpcTransport } from './grpc-transport.js';
import { PingGuards } from './ping-guard.js';

/** The gRPC surface. It listens once the transport is connected to the application. */
@Module({
  imports: [AuthModule, SharedModule, RoutingModule],
  controllers: [GrpcController, GrpcHealthController, GrpcQuotaController],
  providers: [
    GrpcAdmission,
    GrpcCertificates,
    GrpcEdge,
    GrpcHealth,
    GrpcServer,
    GrpcSurface,
    GrpcTransport,
    PingGuards,
  ],
  exports: [GrpcSurface],
})
export class GrpcModule {}

import { type INestApplication, Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../../config/config.module.js';
import { GrpcConfig } from './grpc.config.js';
import { GrpcEdge } from './grpc-edge.js';
import { GrpcHealth } from './grpc-health.js';
import { GrpcServer } from './grpc-server.js';
import { GrpcTransport } from './grpc-transport.js';

/** The gRPC surface as the process starts and stops it. Closing the application closes it. */
@Injectable()
export class GrpcSurface {
  constructor(
    private readonly edge: GrpcEdge,
    private readonly health: GrpcHealth,
    private readonly server: GrpcServer,
    private readonly transport: GrpcTransport,
    @Inject(sectionToken(GrpcConfig)) private readonly config: GrpcConfig,
  ) {}

  /** Calls to the gateway's own methods that are not over. */
  get openExchanges(): number {
    return this.edge.openExchanges;
  }

  /** Port that it listens on; undefined where it does not. */
  get port(): number | undefined {
    return this.config.enabled ? this.server.port : undefined;
  }

  /** Listens, where it is to. Rejects with GrpcPortTaken or a ConfigError. */
  async listen(app: INestApplication): Promise<void> {
    if (!this.config.enabled) return;
    await app.connectMicroservice({ strategy: this.transport }).listen();
  }

  /** Says to whoever asks for its health that calls are taken. */
  ready(): void {
    this.health.serving();
  }

  /** Says that no more calls should come; they are taken all the same. */
  unready(): void {
    this.health.notServing();
  }

  /** Takes no more calls; what is under way goes on. */
  drain(): void {
    this.server.drain();
  }

  /** Cuts every call. */
  abortAll(): void {
    this.edge.abortAll();
  }
}

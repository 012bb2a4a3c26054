import { Injectable } from '@nestjs/common';
import { HealthCheckResponse_ServingStatus as ServingStatus } from './gen/grpc/health/v1/health_pb.js';
import { GeminiGateway } from './gen/gemini_gateway/v1/gateway_pb.js';

/** Services that health is told of; the empty name is the server as a whole. */
export const HEALTH_OF: readonly string[] = ['', GeminiGateway.typeName];

/** Whether the gateway takes new calls by gRPC. */
@Injectable()
export class GrpcHealth {
  #status: ServingStatus = ServingStatus.NOT_SERVING;
  readonly #watchers = new Set<() => void>();

  /** Status of a service; undefined for one that is not there. */
  of(service: string): ServingStatus | undefined {
    return HEALTH_OF.includes(service) ? this.#status : undefined;
  }

  /** New calls are taken. */
  serving(): void {
    this.#become(ServingStatus.SERVING);
  }

  /** No new calls should come. */
  notServing(): void {
    this.#become(ServingStatus.NOT_SERVING);
  }

  /** Resolves at the next change; rejects with the signal's reason. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#watchers.delete(told);
        signal.removeEventListener('abort', left);
      };
      const told = (): void => {
        done();
        resolve();
      };
      const left = (): void => {
        done();
        reject(signal.reason as Error);
      };
      this.#watchers.add(told);
      signal.addEventListener('abort', left);
      if (signal.aborted) left();
    });
  }

  #become(status: ServingStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    for (const tell of this.#watchers) tell();
  }
}

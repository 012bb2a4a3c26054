import type { Http2Session } from 'node:http2';
import { isIPv6 } from 'node:net';
import {
  logVerbosity,
  Server,
  setLogVerbosity,
  type ServerOptions,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { DescService } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../../config/config.module.js';
import { Clock } from '../../core/clock.js';
import { ServerConfig } from '../server.config.js';
import { connectionsFor, openFilesLimit } from '../shared/open-files.js';
import { GrpcCertificates } from './grpc-certificates.js';
import { GrpcConfig } from './grpc.config.js';
import { GrpcEdge } from './grpc-edge.js';
import { listenersOf } from './http2-access.js';
import { definitionOf } from './service-definition.js';

// What the library logs may hold metadata, and so keys.
setLogVerbosity(logVerbosity.NONE);

/** How long the last bytes of what was cut may take to leave. */
const FLUSH_MS = 250;

/** The port of the gRPC surface is another program's. */
export class GrpcPortTaken extends Error {
  readonly code = 'EADDRINUSE';

  constructor(address: string) {
    super(`listen EADDRINUSE: address already in use ${address}`);
  }
}

/** The listener of the gRPC surface: every bound stated, calls through the edge, pings counted. */
@Injectable()
export class GrpcServer {
  readonly #server: Server;
  #port = 0;
  #drained: Promise<void> | undefined;

  constructor(
    private readonly certificates: GrpcCertificates,
    private readonly edge: GrpcEdge,
    @Inject(sectionToken(GrpcConfig)) private readonly config: GrpcConfig,
    @Inject(sectionToken(ServerConfig)) private readonly server: ServerConfig,
    @Inject(Clock) private readonly clock: Clock,
  ) {
    this.#server = new Server(serverOptions(config, edge));
  }

  /** Port that it listens on; 0 before. */
  get port(): number {
    return this.#port;
  }

  /** The library's own server, for services that bring their definition. */
  get library(): Pick<Server, 'addService'> {
    return this.#server;
  }

  /** Adds a service whose messages stay bytes. Before it listens. */
  add(service: DescService, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definitionOf(service), implementation);
  }

  /** Rejects with GrpcPortTaken, with a ConfigError for certificates that are none, or with what else is wrong. */
  async listen(): Promise<void> {
    const host = this.config.host ?? this.server.host;
    const address = `${isIPv6(host) ? `[${host}]` : host}:${this.config.port}`;
    const credentials = this.certificates.credentials();
    this.#port = await new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error.message.includes('EADDRINUSE') ? new GrpcPortTaken(address) : error);
      });
    });
    const maxConnections = this.server.maxConnections ?? connectionsFor(openFilesLimit());
    for (const listener of listenersOf(this.#server)) {
      listener.on('session', (session: Http2Session) => this.edge.watch(session));
      if (maxConnections !== undefined) listener.maxConnections = maxConnections;
    }
  }

  /** Takes no more calls: says so to every client (GOAWAY), and lets what is under way end. */
  drain(): void {
    this.#drained ??= new Promise((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  /** Ends every connection: by itself where nothing is under way, cut a moment later where something is. */
  async close(): Promise<void> {
    this.certificates.close();
    this.drain();
    await Promise.race([this.#drained, new Promise<void>((resolve) => this.clock.after(FLUSH_MS, resolve))]);
    this.#server.forceShutdown();
  }
}

function serverOptions(config: GrpcConfig, edge: GrpcEdge): ServerOptions {
  return {
    interceptors: [edge.intercept],
    'grpc.max_receive_message_length': config.maxReceiveMessageBytes,
    // Bounded where messages are encoded, with a failure that says so.
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': config.maxConcurrentStreams,
    'grpc.keepalive_time_ms': config.keepalive.timeMs,
    'grpc.keepalive_timeout_ms': config.keepalive.timeoutMs,
    // Its own statistics of every connection and call; ours are in the request log.
    'grpc.enable_channelz': 0,
  };
}

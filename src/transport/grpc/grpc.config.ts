import { IsBoolean, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { Doc, Env, Nested } from '../../config/field.decorator.js';
import { IsSecretRef } from '../../config/secret-ref.js';
import type { ConfigProblem, ConfigSnapshot } from '../../core/config-snapshot.js';

/** Certificates of the gRPC surface, each as PEM. All or none but `clientCa`. */
export class GrpcTlsConfig {
  @Doc('Reference to the certificate, with its chain, as PEM. With it the surface speaks TLS alone.')
  @IsSecretRef()
  @IsOptional()
  certificate?: string;

  @Doc('Reference to the private key of the certificate as PEM.')
  @IsSecretRef()
  @IsOptional()
  key?: string;

  @Doc(
    'Reference to the certificates as PEM that sign those of clients. With it a client must have one (mTLS); a key is needed all the same.',
  )
  @IsSecretRef()
  @IsOptional()
  clientCa?: string;

  @Doc('How often the certificates are looked at, to take up new ones without a restart.')
  @IsInt()
  @Min(1_000)
  reloadIntervalMs: number = 60_000;
}

/** How connections are kept, and kept from being a burden. */
export class GrpcKeepaliveConfig {
  @Doc('How long a connection may be silent before it is asked whether it still lives.')
  @IsInt()
  @Min(1_000)
  timeMs: number = 60_000;

  @Doc('How long the answer may take before the connection is closed.')
  @IsInt()
  @Min(100)
  timeoutMs: number = 20_000;

  @Doc(
    'Least time between two pings of a client. One that pings more often is told to calm down and cut off.',
  )
  @IsInt()
  @Min(0)
  minPingIntervalMs: number = 10_000;

  @Doc('Whether clients may ping while they have no call.')
  @IsBoolean()
  permitWithoutCalls: boolean = true;
}

/** How the gateway serves gRPC. */
export class GrpcConfig {
  static readonly section = 'grpc';
  static readonly reloadable = false;
  static check(snapshot: ConfigSnapshot): readonly ConfigProblem[] {
    const { certificate, key, clientCa } = snapshot.get(GrpcConfig).tls;
    if ((certificate === undefined) !== (key === undefined))
      return [{ path: 'grpc.tls', message: 'must have both certificate and key, or neither' }];
    return clientCa !== undefined && certificate === undefined
      ? [{ path: 'grpc.tls.clientCa', message: 'needs certificate and key' }]
      : [];
  }

  @Doc('Serve gRPC.')
  @IsBoolean()
  enabled: boolean = true;

  @Doc('Port of the gRPC surface; 0 takes any free one.')
  @Env('GRPC_PORT')
  @IsInt()
  @Min(0)
  @Max(65_535)
  port: number = 50_051;

  @Doc('Address to listen on; that of `server` unless given.')
  @IsString()
  @IsOptional()
  host?: string;

  @Doc('Largest request message. Google takes at most 100 MB with inline data.')
  @IsInt()
  @Min(1_024)
  @Max(1_073_741_824)
  maxReceiveMessageBytes: number = 33_554_432;

  @Doc('Largest answer message. Many clients take no more than 4 MiB unless they are told to.')
  @IsInt()
  @Min(1_024)
  @Max(1_073_741_824)
  maxSendMessageBytes: number = 33_554_432;

  @Doc('Longest time for a request message to arrive once its call has begun.')
  @IsInt()
  @Min(100)
  requestTimeoutMs: number = 120_000;

  @Doc('Most calls at once on one connection; more wait at the client.')
  @IsInt()
  @Min(1)
  maxConcurrentStreams: number = 1_000;

  @Doc(
    'How many bytes of a streamed answer are held for a client that does not read it; one message may go beyond.',
  )
  @IsInt()
  @Min(1_024)
  maxBufferedBytesPerStream: number = 262_144;

  @Doc('Serve reflection (v1 and v1alpha): clients like grpcurl learn the contract from it.')
  @IsBoolean()
  reflection: boolean = false;

  @Doc('Certificates.')
  @Nested(() => GrpcTlsConfig)
  tls: GrpcTlsConfig = new GrpcTlsConfig();

  @Doc('Keeping connections.')
  @Nested(() => GrpcKeepaliveConfig)
  keepalive: GrpcKeepaliveConfig = new GrpcKeepaliveConfig();
}

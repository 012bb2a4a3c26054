import { createSecureContext } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { sectionToken } from '../../config/config.module.js';
import { ConfigError } from '../../config/config-error.js';
import { SecretStore } from '../../config/secrets.js';
import { Clock, type Timer } from '../../core/clock.js';
import { GrpcConfig } from './grpc.config.js';

/** Certificates as PEM. */
interface Certificates {
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of clients; with it every client must have one. */
  readonly ca?: string;
}

/** Certificates that may be exchanged while the server listens: new connections get the new ones. */
class RotatingCredentials extends ServerCredentials {
  constructor(certificates: Certificates) {
    super(
      { requestCert: certificates.ca !== undefined, rejectUnauthorized: certificates.ca !== undefined },
      certificates,
    );
  }

  rotate(certificates: Certificates): void {
    this.updateSecureContextOptions(certificates);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** How the gRPC surface proves who it is, and has clients prove it: without certificates not at all. */
@Injectable()
export class GrpcCertificates {
  #timer: Timer | undefined;

  constructor(
    private readonly secrets: SecretStore,
    @Inject(sectionToken(GrpcConfig)) private readonly config: GrpcConfig,
    @Inject(Clock) private readonly clock: Clock,
    private readonly logger: PinoLogger,
  ) {
    logger.setContext('grpc');
  }

  /** For the server to listen with; kept up to date until `close`. Throws a ConfigError for certificates that are none. */
  credentials(): ServerCredentials {
    const certificates = this.#current();
    if (certificates === undefined) return ServerCredentials.createInsecure();
    const problem = problemOf(certificates);
    if (problem !== undefined) throw new ConfigError([{ path: 'grpc.tls', message: problem }]);
    const credentials = new RotatingCredentials(certificates);
    this.#follow(credentials, certificates);
    return credentials;
  }

  /** Ends following the certificates. */
  close(): void {
    this.#timer?.clear();
  }

  #follow(credentials: RotatingCredentials, served: Certificates): void {
    this.#timer = this.clock.after(this.config.tls.reloadIntervalMs, () => {
      const now = this.#current() ?? served;
      const changed = now.cert !== served.cert || now.key !== served.key || now.ca !== served.ca;
      // Certificate and key may be written one after the other: a pair that does not fit is looked at again later.
      const problem = changed ? problemOf(now) : undefined;
      if (problem !== undefined) this.logger.warn(`new certificates are not taken: grpc.tls ${problem}`);
      const taken = changed && problem === undefined;
      if (taken) {
        credentials.rotate(now);
        this.logger.info('new certificates are served');
      }
      this.#follow(credentials, taken ? now : served);
    });
  }

  #current(): Certificates | undefined {
    const { certificate, key, clientCa } = this.config.tls;
    if (certificate === undefined || key === undefined) return undefined;
    return {
      cert: this.secrets.watch(certificate).current(),
      key: this.secrets.watch(key).current(),
      ...(clientCa === undefined ? {} : { ca: this.secrets.watch(clientCa).current() }),
    };
  }
}

/** What keeps certificates from being used, without showing them; undefined where nothing does. */
function problemOf(certificates: Certificates): string | undefined {
  try {
    createSecureContext(certificates);
    return undefined;
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : '';
    return `must be a certificate, its key and, for mTLS, certificates of a CA, all as PEM${code}`;
  }
}

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { PinoLogger } from 'nestjs-pino';
import { AppModule } from './app.module.js';
import { AuthConfig } from './auth/auth.config.js';
import { CONFIG_SECTIONS } from './config-sections.js';
import { ConfigStore, type ConfigNotice } from './config/config-store.js';
import type { Environment } from './config/env-layer.js';
import { secretProblems } from './config/secret-references.js';
import { SecretStore } from './config/secrets.js';
import { SecretsConfig } from './config/secrets.config.js';
import { systemClock } from './core/clock.js';
import { GatewayError } from './core/gateway-error.js';
import { defaultUpstream, type DefaultUpstream } from './default-upstream.js';
import { assertFitForProduction } from './production-check.js';
import { UpstreamProbe } from './routing/upstream-probe.js';
import { FrameworkLogger } from './telemetry/logger.js';
import { GrpcSurface } from './transport/grpc/grpc-surface.js';
import { Readiness } from './transport/health/readiness.js';
import { ErrorFilter } from './transport/http/error.filter.js';
import { HttpEdge } from './transport/http/http-edge.js';
import { serveApiDocs } from './transport/http/api-docs.js';
import { httpAdapter } from './transport/http/http-server.js';
import { ServerConfig } from './transport/server.config.js';

/** What a gateway is started with. */
export interface GatewayOptions {
  readonly environment: Environment;
  /** Directory of the configuration files; `config` in the working directory unless given. */
  readonly directory?: string;
  /** Where log lines go; standard output unless given. */
  readonly logTo?: NodeJS.WritableStream;
}

/** A gateway that serves. */
export interface Gateway {
  /** Address of the HTTP surfaces on this machine. */
  readonly url: string;
  /** Address of the gRPC surface on this machine; undefined where it is not served. */
  readonly grpcAddress: string | undefined;
  /** The admin key that was made because there was none; printed once, kept nowhere. */
  readonly madeKey: string | undefined;
  /** For operators: what answers when no project is configured. */
  readonly notice: string | undefined;
  /** Becomes unready at once, lets calls finish within the bound, cuts the rest, and closes everything. */
  stop(): Promise<void>;
}

// Time for the last frames of cut streams to leave.
const FLUSH_MS = 250;
const DRAIN_POLL_MS = 20;

/** Starts a gateway. Rejects with a ConfigError that lists every problem. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const clock = systemClock;
  const notices: ConfigNotice[] = [];
  let onNotice = (notice: ConfigNotice): void => void notices.push(notice);
  const sources = {
    ...(options.directory === undefined ? {} : { directory: options.directory }),
    sections: CONFIG_SECTIONS,
    clock,
    onNotice: (notice: ConfigNotice) => onNotice(notice),
  };
  const first = await ConfigStore.open({ ...sources, environment: options.environment });
  if (first.environmentName === 'production') assertFitForProduction(first.current(), options.environment);
  const upstream = await defaultUpstream(first.current(), options.environment);
  try {
    const madeKey = bootstrapKey(first);
    const environment: Environment = {
      ...options.environment,
      ...upstream?.environment,
      ...(madeKey === undefined ? {} : { GATEWAY_BOOTSTRAP_KEY: madeKey }),
    };
    let onSecretFailure: (reference: string, error: Error) => void = () => undefined;
    const secrets = new SecretStore({
      settings: first.current().get(SecretsConfig),
      clock,
      environment,
      onFailure: ({ reference, error }) => onSecretFailure(reference, error),
    });
    const store = await ConfigStore.open({
      ...sources,
      environment,
      ...(upstream === undefined ? {} : { defaults: upstream.defaults }),
      prepare: (snapshot) => secretProblems(snapshot, CONFIG_SECTIONS, secrets),
    });
    const server = store.current().get(ServerConfig);
    const app = await NestFactory.create<NestFastifyApplication>(
      AppModule.register({
        store,
        secrets,
        clock,
        ...(options.logTo === undefined ? {} : { logTo: options.logTo }),
      }),
      httpAdapter(server),
      { bodyParser: false, bufferLogs: true, abortOnError: false, forceCloseConnections: true },
    );
    app.useLogger(app.get(FrameworkLogger));
    const logger: Log = await app.resolve(PinoLogger);
    onNotice = (notice) => logNotice(logger, notice);
    onSecretFailure = (reference, error) =>
      logger.error({ reference }, `a secret cannot be read: ${error.message}`);
    for (const notice of notices) logNotice(logger, notice);
    if (upstream !== undefined) logger.warn(upstream.notice);
    app.useGlobalFilters(app.get(ErrorFilter));
    app.get(HttpEdge).install(app.getHttpAdapter().getInstance());
    if (server.docs) serveApiDocs(app);
    await listen(app, server);
    store.watch();
    app.get(UpstreamProbe).start();
    app.get(Readiness).ready();
    const grpc = app.get(GrpcSurface);
    grpc.ready();
    const { port } = app.getHttpServer().address() as AddressInfo;
    logger.info({ port, grpcPort: grpc.port, configVersion: store.current().version }, 'listening');
    return {
      url: `http://127.0.0.1:${port}`,
      grpcAddress: grpc.port === undefined ? undefined : `127.0.0.1:${grpc.port}`,
      madeKey,
      notice: upstream?.notice,
      stop: () => stop({ app, store, secrets, upstream, server }),
    };
  } catch (thrown) {
    await upstream?.close();
    throw thrown;
  }
}

async function listen(app: NestFastifyApplication, { port, host }: ServerConfig): Promise<void> {
  try {
    await app.init();
    await app.get(GrpcSurface).listen(app);
    await app.listen(port, host);
  } catch (thrown) {
    // What listens already would keep the process from ending.
    await app.close();
    throw thrown;
  }
}

type Log = Pick<PinoLogger, 'info' | 'warn' | 'error'>;

interface Running {
  readonly app: NestFastifyApplication;
  readonly store: ConfigStore;
  readonly secrets: SecretStore;
  readonly upstream: DefaultUpstream | undefined;
  readonly server: ServerConfig;
}

async function stop({ app, store, secrets, upstream, server }: Running): Promise<void> {
  const edge = app.get(HttpEdge);
  const grpc = app.get(GrpcSurface);
  const openExchanges = (): number => edge.openExchanges + grpc.openExchanges;
  app.get(Readiness).drain();
  grpc.unready();
  store.close();
  await delay(server.unreadyBeforeDrainMs);
  app.getHttpServer().close();
  grpc.drain();
  const giveUpMs = systemClock.monotonicMs() + server.drainTimeoutMs;
  while (openExchanges() > 0 && systemClock.monotonicMs() < giveUpMs) await delay(DRAIN_POLL_MS);
  if (openExchanges() > 0) {
    edge.abortAll(new GatewayError('CANCELLED', 'The gateway is shutting down; try again.'));
    grpc.abortAll();
    await delay(FLUSH_MS);
  }
  await app.close();
  await secrets.close();
  await upstream?.close();
}

/** The admin key to make, where the configuration has none. */
function bootstrapKey(store: ConfigStore): string | undefined {
  const { keys, bootstrapKey: reference } = store.current().get(AuthConfig);
  if (keys.length > 0 || reference !== undefined) return undefined;
  return `gw-${randomBytes(24).toString('base64url')}`;
}

function logNotice(logger: Log, notice: ConfigNotice): void {
  switch (notice.kind) {
    case 'applied':
      logger.info({ ...notice }, 'the configuration was reloaded');
      return;
    case 'unchanged':
      if (notice.needRestart.length > 0)
        logger.warn({ ...notice }, 'changes of the configuration need a restart');
      return;
    case 'rolled-back':
      logger.warn({ ...notice }, 'the configuration was rolled back');
      return;
    case 'refused':
      logger.error({ ...notice }, 'the new configuration is not valid; the old one stays in effect');
      return;
    case 'failed':
      logger.error({ what: notice.what }, `the configuration could not be followed: ${notice.error.message}`);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

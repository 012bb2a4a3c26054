import type { BeforeApplicationShutdown, OnModuleInit, Provider } from '@nestjs/common';
import { sectionToken } from './config/config.module.js';
import { SecretStore } from './config/secrets.js';
import { Clock } from './core/clock.js';
import type { RedisConnection } from './storage/redis/redis-connection.js';
import { StorageConfig } from './storage/storage.config.js';
import { MemorySignatureStore } from './transport/http/memory-signature-store.js';
import { SignaturesConfig } from './transport/http/signatures.config.js';
import { SignatureStore } from './transport/signature.port.js';

/** The process's store of thought signatures: in memory, or in the Redis that replicas share where one is configured. */
class SignatureStores implements OnModuleInit, BeforeApplicationShutdown {
  constructor(
    readonly store: SignatureStore,
    private readonly connection?: RedisConnection,
  ) {}

  /** Connects beforehand: the first caller must not pay for it. A Redis that is away is told of when it is needed. */
  onModuleInit(): void {
    this.connection?.ready().catch(() => undefined);
  }

  beforeApplicationShutdown(): void {
    this.connection?.close();
  }
}

/** What a process without Redis does not need to load is loaded only with one. */
async function signatureStores(
  { redis }: StorageConfig,
  config: SignaturesConfig,
  secrets: SecretStore,
  clock: Clock,
): Promise<SignatureStores> {
  if (redis.url === undefined) return new SignatureStores(new MemorySignatureStore(config, clock));
  const [{ RedisConnection: Connection }, { RedisSignatureStore }] = await Promise.all([
    import('./storage/redis/redis-connection.js'),
    import('./storage/redis/redis-signature-store.js'),
  ]);
  // Not the quota ledger's: a late answer costs the connection, and callers decide how much is asked for at once here.
  const connection = new Connection(secrets.watch(redis.url), redis, clock, Math.random);
  return new SignatureStores(new RedisSignatureStore(connection, config.ttlMs), connection);
}

/** Providers of the store. */
export const SIGNATURE_STORE_PROVIDERS: Provider[] = [
  {
    provide: SignatureStores,
    inject: [sectionToken(StorageConfig), sectionToken(SignaturesConfig), SecretStore, Clock],
    useFactory: signatureStores,
  },
  { provide: SignatureStore, inject: [SignatureStores], useFactory: ({ store }: SignatureStores) => store },
];

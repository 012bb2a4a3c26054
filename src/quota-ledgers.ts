import { randomUUID } from 'node:crypto';
import type { BeforeApplicationShutdown, OnModuleInit, Provider } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { sectionToken } from './config/config.module.js';
import { SecretStore } from './config/secrets.js';
import { Clock } from './core/clock.js';
import { LedgerStatus } from './quota/ledger-status.port.js';
import { QuotaConfig } from './quota/quota.config.js';
import { QuotaLedger } from './quota/quota-ledger.port.js';
import { type LedgerState, ResilientQuotaLedger } from './quota/resilient-quota-ledger.js';
import { MemoryQuotaLedger } from './storage/memory/memory-quota-ledger.js';
import type { RedisConnection } from './storage/redis/redis-connection.js';
import { StorageConfig } from './storage/storage.config.js';

/** A ledger in the Redis that replicas share, with what ends with it. */
interface Shared {
  readonly ledger: ResilientQuotaLedger;
  readonly connection: RedisConnection;
}

/** The process's quota ledger: in memory, or in the Redis that replicas share where one is configured. */
class QuotaLedgers implements LedgerStatus, OnModuleInit, BeforeApplicationShutdown {
  constructor(
    readonly ledger: QuotaLedger,
    private readonly shared?: Shared,
  ) {}

  get state(): LedgerState | undefined {
    return this.shared?.ledger.state();
  }

  /** Looks whether Redis is there. A gateway starts all the same where it is not. */
  async onModuleInit(): Promise<void> {
    await this.shared?.ledger.start();
  }

  beforeApplicationShutdown(): void {
    this.shared?.ledger.close();
    this.shared?.connection.close();
  }
}

/** What a process without Redis does not need to load is loaded only with one. */
async function quotaLedgers(
  { redis }: StorageConfig,
  config: QuotaConfig,
  secrets: SecretStore,
  clock: Clock,
  logger: PinoLogger,
): Promise<QuotaLedgers> {
  const local = new MemoryQuotaLedger(clock);
  if (redis.url === undefined) return new QuotaLedgers(local);
  const [{ RedisConnection: Connection }, { RedisQuotaLedger }] = await Promise.all([
    import('./storage/redis/redis-connection.js'),
    import('./storage/redis/redis-quota-ledger.js'),
  ]);
  logger.setContext('quota');
  const random = Math.random;
  const connection = new Connection(secrets.watch(redis.url), redis, clock, random);
  const shared = new RedisQuotaLedger({ connection, clock, replica: randomUUID() });
  const ledger = new ResilientQuotaLedger({ shared, local, config, clock, random, logger });
  return new QuotaLedgers(ledger, { ledger, connection });
}

/** Providers of the ledger and of its status. */
export const QUOTA_LEDGER_PROVIDERS: Provider[] = [
  {
    provide: QuotaLedgers,
    inject: [sectionToken(StorageConfig), sectionToken(QuotaConfig), SecretStore, Clock, PinoLogger],
    useFactory: quotaLedgers,
  },
  { provide: LedgerStatus, useExisting: QuotaLedgers },
  { provide: QuotaLedger, inject: [QuotaLedgers], useFactory: ({ ledger }: QuotaLedgers) => ledger },
];

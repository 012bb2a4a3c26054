import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, getConfigToken, registerAs } from '@nestjs/config';
import type { SectionClass } from '../core/config-snapshot.js';
import { ConfigStore } from './config-store.js';

/**
 * Injection token of a section, as the section is when the module starts. What may change by reload is read from
 * the call's configuration, or followed by `ConfigStore.onChange`.
 */
export function sectionToken(section: SectionClass<object>): string {
  return getConfigToken(section.section);
}

/** Gives every module the configuration sections that it asks for by `sectionToken`. */
@Module({})
export class GatewayConfigModule {
  /** Everything was read and validated by the store; nothing here looks at the environment. */
  static register(store: ConfigStore, sections: readonly SectionClass<object>[]): DynamicModule {
    return {
      module: GatewayConfigModule,
      global: true,
      imports: [
        ConfigModule.forRoot({
          ignoreEnvFile: true,
          ignoreEnvVars: true,
          skipProcessEnv: true,
          load: sections.map((section) => registerAs(section.section, () => store.current().get(section))),
        }),
      ],
      providers: [{ provide: ConfigStore, useValue: store }],
      exports: [ConfigStore, ConfigModule],
    };
  }
}

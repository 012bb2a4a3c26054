import { Inject, Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { ConfigStore } from '../../../src/config/config-store.js';
import { GatewayConfigModule, sectionToken } from '../../../src/config/config.module.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { ConfigDirectory } from './config-directory.js';
import { ListenConfig, SECTIONS } from './sections.js';

@Injectable()
class Listener {
  constructor(
    @Inject(sectionToken(ListenConfig)) readonly config: ListenConfig,
    readonly store: ConfigStore,
  ) {}
}

describe('GatewayConfigModule', () => {
  it('injects the frozen section and the store, and nothing of the environment', async () => {
    await using directory = await ConfigDirectory.with({ 'gateway.yaml': 'listen: { port: 7 }' });
    const store = await ConfigStore.open({
      sections: SECTIONS,
      directory: directory.path,
      environment: {},
      clock: new ManualClock(),
    });
    const before = { ...process.env };
    const module = await Test.createTestingModule({
      imports: [GatewayConfigModule.register(store, SECTIONS)],
      providers: [Listener],
    }).compile();
    const listener = module.get(Listener);
    expect(listener.config).toBe(store.current().get(ListenConfig));
    expect(listener.store).toBe(store);
    expect(process.env).toEqual(before);
    expect(module.get(ConfigService, { strict: false }).get('PATH')).toBeUndefined();
    await module.close();
  });
});

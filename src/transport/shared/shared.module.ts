import { Module } from '@nestjs/common';
import { GeminiModule } from '../../gemini/gemini.module.js';
import { CallMaker } from './call-maker.js';
import { RequestRoom } from './request-room.js';

/** What the surfaces share whatever they speak: one way to make calls, and one room for all requests. */
@Module({
  imports: [GeminiModule],
  providers: [CallMaker, RequestRoom],
  exports: [CallMaker, RequestRoom],
})
export class SharedModule {}

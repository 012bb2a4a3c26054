import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { GeminiModule } from '../../gemini/gemini.module.js';
import { CallMaker } from '../shared/call-maker.js';
import { RequestRoom } from '../shared/request-room.js';
import { CallEntry } from './call-entry.js';
import { ErrorFilter } from './error.filter.js';
import { HttpAdmission } from './http-admission.js';
import { HttpEdge } from './http-edge.js';
import { HttpSurfaces } from './http-surface.js';

/** What the HTTP surfaces share. */
@Module({})
export class HttpModule {
  static register(surfaces: HttpSurfaces): DynamicModule {
    return {
      module: HttpModule,
      imports: [AuthModule, GeminiModule],
      providers: [
        { provide: HttpSurfaces, useValue: surfaces },
        RequestRoom,
        HttpAdmission,
        HttpEdge,
        ErrorFilter,
        CallMaker,
        CallEntry,
      ],
      exports: [HttpEdge, ErrorFilter, CallEntry, RequestRoom],
    };
  }
}

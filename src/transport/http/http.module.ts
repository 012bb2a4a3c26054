import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { SharedModule } from '../shared/shared.module.js';
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
      imports: [AuthModule, SharedModule],
      providers: [
        { provide: HttpSurfaces, useValue: surfaces },
        HttpAdmission,
        HttpEdge,
        ErrorFilter,
        CallEntry,
      ],
      exports: [HttpEdge, ErrorFilter, CallEntry],
    };
  }
}

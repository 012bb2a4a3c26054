import { Injectable } from '@nestjs/common';
import { Authenticator } from '../../auth/authenticator.js';
import type { Scope } from '../../auth/auth.config.js';
import { ConfigStore } from '../../config/config-store.js';
import { admit } from '../shared/admission.js';
import { RequestRoom } from '../shared/request-room.js';
import { presentedKey } from './caller-key.js';
import type { HttpExchange } from './exchange.js';
import type { HttpSurface } from './http-surface.js';

type Headers = Parameters<typeof presentedKey>[0];

/** Which requests of a surface are let in: as many as there is room for, by callers with a key. */
@Injectable()
export class HttpAdmission {
  constructor(
    private readonly room: RequestRoom,
    private readonly authenticator: Authenticator,
    private readonly store: ConfigStore,
  ) {}

  /**
   * Gives the exchange its place and its caller. Room is looked for first: in a rush, nothing else is done for those who
   * must wait. Throws QUEUE_FULL, UNAUTHENTICATED or PERMISSION_DENIED.
   */
  admit(exchange: HttpExchange, surface: HttpSurface, headers: Headers, url: string, scope: Scope): void {
    exchange.place = this.room.take(heldBytes(headers));
    const key = presentedKey(headers, url, surface.keyInQuery);
    admit(exchange, key, scope, this.authenticator, this.store.current());
  }
}

/** JSON is held whole; what is of another type is passed on as it comes, or refused. */
function heldBytes({ 'content-type': type = '', 'content-length': length }: Headers): number {
  return /^\s*application\/json\b/i.test(type) ? Number(length ?? 0) : 0;
}

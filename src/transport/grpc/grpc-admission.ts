import { Injectable } from '@nestjs/common';
import type { Metadata } from '@grpc/grpc-js';
import { Authenticator } from '../../auth/authenticator.js';
import { ConfigStore } from '../../config/config-store.js';
import { presentedKey } from '../http/caller-key.js';
import { admit } from '../shared/admission.js';
import { RequestRoom } from '../shared/request-room.js';
import type { GrpcExchange } from './grpc-exchange.js';

/** Which calls are let in: as many as there is room for, by callers with a key. */
@Injectable()
export class GrpcAdmission {
  constructor(
    private readonly room: RequestRoom,
    private readonly authenticator: Authenticator,
    private readonly store: ConfigStore,
  ) {}

  /**
   * Gives the exchange its place and its caller; room is looked for first. How much the message holds is known once it
   * is there. Throws QUEUE_FULL, UNAUTHENTICATED or PERMISSION_DENIED.
   */
  admit(exchange: GrpcExchange, metadata: Metadata): void {
    exchange.place = this.room.take(0);
    const headers = {
      authorization: textOf(metadata, 'authorization'),
      'x-api-key': textOf(metadata, 'x-api-key'),
      'x-goog-api-key': textOf(metadata, 'x-goog-api-key'),
    };
    admit(exchange, presentedKey(headers, '', false), 'generate', this.authenticator, this.store.current());
  }
}

/** The first value of a key of metadata; undefined where there is none. */
export function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

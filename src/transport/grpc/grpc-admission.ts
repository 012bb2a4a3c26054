import { Injectable } from '@nestjs/common';
import type { Metadata } from '@grpc/grpc-js';
import { Authenticator } from '../../auth/authenticator.js';
import { ConfigStore } from '../../config/config-store.js';
import { presentedKey } from '../http/caller-key.js';
import { admit } from '../shared/admission.js';
import type { GrpcExchange } from './grpc-exchange.js';

/** Who may call: by the API key in a call's metadata. */
@Injectable()
export class GrpcAdmission {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly store: ConfigStore,
  ) {}

  /** Throws UNAUTHENTICATED or PERMISSION_DENIED. */
  admit(exchange: GrpcExchange, metadata: Metadata): void {
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

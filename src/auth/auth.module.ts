import { Module } from '@nestjs/common';
import { Authenticator } from './authenticator.js';

/** Who calls. */
@Module({ providers: [Authenticator], exports: [Authenticator] })
export class AuthModule {}

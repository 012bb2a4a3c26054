import { Controller, Delete, HttpCode, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { allows } from '../../auth/authenticator.js';
import type { CacheFilter } from '../../cache/invalidation-log.port.js';
import { Invalidations } from '../../cache/invalidations.js';
import type { Principal } from '../../core/call.js';
import { GatewayError } from '../../core/gateway-error.js';
import { exchangeOf } from '../http/exchange.js';
import { Documented } from '../http/route-docs.js';

/** What can be named, and what each looks like. */
const FORMS = {
  tenant: /^[\w.-]{1,64}$/,
  task: /^[^]{1,128}$/,
  prompt: /^[^]{1,256}$/,
  tag: /^[^]{1,256}$/,
  key: /^[0-9a-f]{64}$/,
} as const satisfies Record<keyof CacheFilter, RegExp>;

/** Stored answers, as far as callers may do away with them. */
@Controller('v1/cache')
export class CacheController {
  constructor(private readonly invalidations: Invalidations) {}

  @Delete()
  @HttpCode(200)
  @Documented({
    summary:
      'Forget stored answers that have everything that is named: tenant, task, prompt (name@version), tag (name or name=value), key. Keys without the scope "admin" reach those of their own tenant',
  })
  async forget(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const filter = filterFor(exchangeOf(request).caller, request.query as Readonly<Record<string, unknown>>);
    await this.invalidations.add(filter);
    void reply.send({ forgotten: filter });
  }
}

function filterFor(caller: Principal, query: Readonly<Record<string, unknown>>): CacheFilter {
  const filter: Partial<Record<keyof CacheFilter, string>> = {};
  for (const [name, value] of Object.entries(query)) {
    if (!Object.hasOwn(FORMS, name)) throw invalid(name.slice(0, 100), 'is not a known parameter');
    const part = name as keyof CacheFilter;
    if (typeof value !== 'string' || !FORMS[part].test(value))
      throw invalid(part, 'is not of the form it must have');
    filter[part] = value;
  }
  if (Object.keys(filter).length === 0) throw invalid('tenant', 'or another parameter must be given');
  if (allows(caller, 'admin')) return filter;
  if (filter.tenant !== undefined && filter.tenant !== caller.tenant)
    throw new GatewayError('PERMISSION_DENIED', 'The answers of other tenants need the scope "admin".');
  return { ...filter, tenant: caller.tenant };
}

function invalid(field: string, what: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', `"${field}" ${what}.`, { metadata: { field } });
}

import type { GatewayError } from '../../core/gateway-error.js';

/** Where a failure of the gateway's own came from, for its log: names and places without messages, which may quote what was being handled. */
export function stackOf(error: GatewayError): string {
  const { cause } = error;
  const thrown = cause instanceof Error ? cause : error;
  return `${thrown.name}\n${(thrown.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n')}`;
}

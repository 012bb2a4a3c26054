import type { DescEnum } from '@bufbuild/protobuf';
import { GatewayError } from '../../core/gateway-error.js';

/**
 * Name of an enum's value without the enum's own: `HIGH` of `THINKING_LEVEL_HIGH`; undefined where none is given. Throws
 * INVALID_REQUEST for a number that is no value of it.
 */
export function enumName(schema: DescEnum, value: number, field: string): string | undefined {
  if (value === 0) return undefined;
  const known = schema.value[value];
  if (known === undefined) {
    throw new GatewayError(
      'INVALID_REQUEST',
      `"${field}" has a value that this gateway does not know: ${value}.`,
      {
        metadata: { field },
      },
    );
  }
  return known.name.slice(schema.sharedPrefix?.length ?? 0).toUpperCase();
}

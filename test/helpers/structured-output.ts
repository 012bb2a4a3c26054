import type { ConfigStore } from '../../src/config/config-store.js';
import type { Clock } from '../../src/core/clock.js';
import { NamedSchemas } from '../../src/structured-output/named-schemas.js';
import { SchemaCompiler } from '../../src/structured-output/schema-compiler.js';
import { StructuredOutputPolicy } from '../../src/structured-output/structured-output.policy.js';

/** The policy over a compiler of its own, or one that is given. Named schemas are those of the call's configuration. */
export function structuredOutputPolicy(
  clock: Clock,
  compiler = new SchemaCompiler(clock),
): StructuredOutputPolicy {
  return new StructuredOutputPolicy(compiler, new NamedSchemas({} as ConfigStore), clock);
}

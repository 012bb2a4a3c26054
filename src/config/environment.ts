import type { Environment } from './env-layer.js';

/** Variables that Google's client and OpenTelemetry's exporter would pick up by themselves, past the configuration. */
const CLIENT_VARIABLES =
  /^(?:GOOGLE_API_KEY|GEMINI_API_KEY|GOOGLE_GENAI_\w+|GOOGLE_GEMINI_BASE_URL|GOOGLE_VERTEX_BASE_URL|OTEL_\w+)$/;

/**
 * A copy of the process environment. What libraries would read behind the configuration's back is removed from
 * the process; the copy keeps it.
 */
export function takeEnvironment(): Environment {
  const taken = { ...process.env };
  for (const name of Object.keys(process.env)) if (CLIENT_VARIABLES.test(name)) delete process.env[name];
  return taken;
}

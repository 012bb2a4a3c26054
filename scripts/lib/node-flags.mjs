/**
 * How the gateway's Node keeps memory: docs/adr/0005 and 0009 have the measurements. The Dockerfile names the same flags.
 */
export const gatewayNodeFlags = ['--max-semi-space-size=8', '--heap-growing-percent=100', '--no-maglev'];

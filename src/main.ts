import 'reflect-metadata';
import { ConfigError } from './config/config-error.js';
import { takeEnvironment } from './config/environment.js';
import { startGateway } from './gateway.js';
import { GrpcPortTaken } from './transport/grpc/grpc-server.js';

const say = (line: string): boolean => process.stderr.write(`${line}\n`);

try {
  const gateway = await startGateway({ environment: takeEnvironment() });
  // Before anything is said: who reads that it serves may stop it at once.
  let stopping = false;
  const stop = (): void => {
    // A terminal and npm may each deliver the same signal.
    if (stopping) return;
    stopping = true;
    void gateway.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (gateway.notice !== undefined) say(gateway.notice);
  if (gateway.madeKey !== undefined) {
    say('No API key is configured. This admin key was made for this run and is shown only here:');
    say(`  ${gateway.madeKey}`);
  }
  if (gateway.grpcAddress !== undefined) say(`gemini-gateway serves gRPC on ${gateway.grpcAddress}`);
  say(`gemini-gateway serves on ${gateway.url}`);
} catch (thrown) {
  const portTaken = thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE';
  if (!(thrown instanceof ConfigError) && !portTaken) throw thrown;
  const variable = thrown instanceof GrpcPortTaken ? 'GRPC_PORT' : 'PORT';
  say(portTaken ? `${thrown.message}. Set ${variable} to a free one.` : thrown.message);
  process.exitCode = 1;
}

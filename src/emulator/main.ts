import { startEmulator } from './emulator.js';
import { emulatorFlags, USAGE } from './emulator-flags.js';

async function main(): Promise<void> {
  const emulator = await startEmulator(emulatorFlags(process.argv.slice(2)));
  process.stdout.write(`${emulator.url}\n`);
  const stop = (): void => {
    void emulator.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exit(2);
});

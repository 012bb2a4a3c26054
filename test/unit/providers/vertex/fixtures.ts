import { generateKeyPairSync } from 'node:crypto';
import type { Emulator } from '../../../../src/emulator/emulator.js';
import type { Credential } from '../../../../src/core/credential.js';

/** The JSON of a new service account key that the emulator knows and whose tokens come from it. */
export function serviceAccountKey(emulator: Emulator, name: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const clientEmail = `${name}@emulated-project.iam.gserviceaccount.com`;
  emulator.serviceAccounts.register(clientEmail, publicKey.export({ type: 'spki', format: 'pem' }) as string);
  return JSON.stringify({
    type: 'service_account',
    project_id: 'emulated-project',
    private_key_id: 'key-1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: clientEmail,
    client_id: '1',
    token_uri: `${emulator.url}/token`,
  });
}

/** A credential whose text a test may exchange. */
export function exchangeable(text: string): Credential & { text: string } {
  return {
    id: 'account',
    text,
    current() {
      return this.text;
    },
  };
}

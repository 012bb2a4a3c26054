import { promises as dns } from 'node:dns';
import type { ConnectionOptions } from 'node:tls';
import { isPrivateAddress } from '../shared/public-url.js';

/** How names become addresses, and which addresses may be connected to. Tests inject one of their own. */
export interface MediaNetwork {
  /** All addresses of a name. */
  resolve(host: string): Promise<readonly string[]>;
  isPublic(address: string): boolean;
  /** Settings of TLS beside the usual. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'checkServerIdentity'>;
}

/** Injection token of the network. */
export const MediaNetwork = Symbol('MediaNetwork');

/** The machine's own resolver, and public addresses alone. */
export const publicNetwork: MediaNetwork = {
  resolve: async (host) => (await dns.lookup(host, { all: true })).map(({ address }) => address),
  isPublic: (address) => !isPrivateAddress(address),
};

import ipaddr from 'ipaddr.js';
import { invalid, unsupported } from './request-fields.js';

/** Names that mean the machine itself or something within a private network, whoever resolves them. */
const PRIVATE_NAME = /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa)$/;

/**
 * A URL that Google is told to read: https, a public host, no credentials in it. Throws INVALID_REQUEST for private,
 * loopback, link-local and all other special addresses, however they are spelled, and for names of private networks.
 */
export function publicUrl(text: string, path: string): URL {
  const url = URL.parse(text);
  if (url === null) throw invalid(path, 'must be an https URL, or the data itself');
  if (url.protocol !== 'https:') throw unsupported(path, 'only https URLs are read');
  if (url.username !== '' || url.password !== '') throw invalid(path, 'must not hold credentials');
  if (isPrivateHost(url.hostname)) throw unsupported(path, 'its host is not public');
  return url;
}

/** Whether a host, as a URL parser writes it, is no public one. */
export function isPrivateHost(hostname: string): boolean {
  // The parser has made one spelling of all: hexadecimal, octal and short forms of IPv4 are dotted now.
  const host = hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
  if (ipaddr.isValid(host)) return isPrivateAddress(host);
  return !host.includes('.') || PRIVATE_NAME.test(host);
}

/** Whether an IP address is anything but a public one; addresses that hold another one count as that. */
export function isPrivateAddress(address: string): boolean {
  const ip = ipaddr.process(address);
  if (ip.range() !== 'unicast') return true;
  // Of IPv6 only one block is given out; the library takes what is in none for public.
  return ip.kind() === 'ipv6' && ((ip.toByteArray()[0] ?? 0) & 0xe0) !== 0x20;
}

import { describe, expect, it } from '@jest/globals';
import { publicUrl } from '../../../../src/transport/shared/public-url.js';
import { refusalOf } from '../openai-api/fixtures.js';

describe('publicUrl', () => {
  it.each([
    'https://example.com/a.png',
    'https://example.com:8443/a.png',
    'https://8.8.8.8/a.png',
    'https://[2606:4700:4700::1111]/a.png',
    'https://xn--mnchen-3ya.de/a.png',
    'https://localhost.example.com/a.png',
    'https://internal-images.example.com/a.png',
  ])('takes %s', (url) => {
    expect(publicUrl(url, 'at').href).toBe(new URL(url).href);
  });

  it.each([
    // IPv4 by every spelling that a URL parser knows.
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '017700000001',
    '0177.0.0.1',
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    '１２７.0.0.1',
    '0.0.0.0',
    '0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.0.0.170',
    '198.18.0.1',
    '192.0.2.1',
    '203.0.113.9',
    '224.0.0.1',
    '255.255.255.255',
    // IPv6, and IPv4 within it.
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:10.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b::169.254.169.254]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fe80::1]',
    '[fc00::1]',
    '[fd12:3456::1]',
    '[ff02::1]',
    '[2001:db8::1]',
    // Names that mean this machine or a private network.
    'localhost',
    'LOCALHOST',
    'localhost.',
    'images.localhost',
    'metadata.google.internal',
    'printer.local',
    'files.intranet',
    'nas.home.arpa',
    'server',
    'wiki.corp',
  ])('refuses the host %s', (host) => {
    const refusal = refusalOf(() =>
      publicUrl(`https://${host}/a.png`, 'messages[0].content[0].image_url.url'),
    );
    expect(refusal).toEqual({
      param: 'messages[0].content[0].image_url.url',
      code: 'unsupported_parameter',
      message: expect.stringContaining('its host is not public'),
    });
  });

  it('sees a mapped public address for what it is', () => {
    expect(publicUrl('https://[::ffff:8.8.8.8]/a.png', 'at').hostname).toBe('[::ffff:808:808]');
  });
});

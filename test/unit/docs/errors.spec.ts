import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { GatewayError, REASONS, type Reason } from '../../../src/core/gateway-error.js';
import type { HttpSurface } from '../../../src/transport/http/http-surface.js';
import { geminiApiSurface } from '../../../src/transport/gemini-api/gemini-api.surface.js';
import { restSurface } from '../../../src/transport/rest/rest.surface.js';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

/** The rows of the page's table, without its head. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

const statusOn = (surface: HttpSurface, reason: Reason) =>
  String(surface.renderError(new GatewayError(reason, 'x'), 'r').status);

describe('docs/errors.md', () => {
  it('has one row for each reason, in the order of the table, and none for anything else', () => {
    expect(rows.map(([reason]) => reason)).toEqual(Object.keys(REASONS).map((reason) => `\`${reason}\``));
  });

  it.each(Object.keys(REASONS) as Reason[])('says of %s what the gateway does', (reason) => {
    const { code, retryable, countsAgainstTarget } = REASONS[reason];
    const row = rows.find(([name]) => name === `\`${reason}\``) ?? [];
    expect(row.slice(0, -1)).toEqual([
      `\`${reason}\``,
      `\`${code}\``,
      statusOn(restSurface, reason),
      statusOn(geminiApiSurface, reason),
      retryable ? 'yes' : 'no',
      countsAgainstTarget ? 'yes' : 'no',
    ]);
    expect(row.at(-1)).toMatch(/\. [A-Z].*\.$/);
  });
});

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { SCENARIO_KINDS } from '../../../src/emulator/scenario-kinds.js';

describe('docs/emulator.md', () => {
  it('names exactly the kinds of scenarios that there are', async () => {
    const text = await readFile('docs/emulator.md', 'utf8');
    const table = text.slice(text.search(/\| Kind +\|/), text.indexOf('## Ledger'));
    const named = table
      .split('\n')
      .slice(2)
      .flatMap((row) => row.split('|')[1]?.match(/(?<=`)[^`,]+(?=`)/g) ?? [])
      .filter((name) => /\w/.test(name));
    expect(named.toSorted()).toEqual(Object.keys(SCENARIO_KINDS).toSorted());
  });
});

import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { USER_AGENT } from './user-agent.js';

it('names the version of the package to origins', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

  expect(USER_AGENT).toBe(`Plimsoll/${version}`);
});

/** Our own scenarios: each is played, breaks no invariant, and happens as its golden log tells. */
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import { playGolden, scenarioFolders } from '../fixtures/sim/golden.js';

describe('the scenario', () => {
  for (const folder of scenarioFolders()) {
    it(basename(folder), async () => assert.equal(await playGolden(folder), null));
  }
});

/** Our own scenarios: each is played, breaks no invariant, ends as it says and happens as its golden log tells. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { expectationOf } from '../fixtures/sim/expect.js';
import { playFolder, playGolden, scenarioFolders } from '../fixtures/sim/golden.js';
import { unshownFaults, unusedCommands, unusedKeys, type ScenarioText } from '../fixtures/sim/scenario/coverage.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';

describe('the scenario', () => {
  for (const folder of scenarioFolders()) {
    it(basename(folder), async () => assert.equal(await playGolden(folder), null));
  }
});

describe('with slow, conservative timings the same end has the scenario', () => {
  for (const folder of scenarioFolders().filter((each) => expectationOf(each)?.compat === true)) {
    it(basename(folder), async () => assert.deepEqual((await playFolder(folder, 'compat')).disappointments, []));
  }
});

describe('the scenarios together', () => {
  const texts = scenarioFolders().map((folder): ScenarioText => ({
    cluster: JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8')) as Record<string, unknown>,
    scenario: readScenario(folder),
  }));

  it('use every key of the format', () => assert.deepEqual(unusedKeys(texts), []));
  it('give every command of the format', () => assert.deepEqual(unusedCommands(texts), []));
  it('show every fault of the list', () => assert.deepEqual(unshownFaults(texts), []));

  it('are at least sixty, each with its story, its golden log and its end', () => {
    assert.ok(texts.length >= 60, `${texts.length}`);
    for (const folder of scenarioFolders()) {
      for (const file of ['README.md', 'expected.log', 'expected-result.json']) {
        assert.ok(existsSync(join(folder, file)), `${basename(folder)} has no ${file}`);
      }
    }
  });
});

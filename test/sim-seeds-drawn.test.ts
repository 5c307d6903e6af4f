/** Seeds draw all that can be said, and what a seed said is said again by the scenario that is written of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { drawCommands, playSeed } from '../fixtures/sim/fuzz.js';
import { storyOf } from '../fixtures/sim/fuzz-command.js';
import { textOf, undrawn, undrawnFaults } from '../fixtures/sim/fuzz-coverage.js';
import { startOfSeed } from '../fixtures/sim/fuzz-start.js';
import { writeScenario } from '../fixtures/sim/fuzz-write.js';
import { playScenario } from '../fixtures/sim/scenario/play.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';
import { SEEDS } from '../fixtures/sim/seeds.js';

describe('the seeds that npm test plays', () => {
  const texts = Array.from({ length: SEEDS.count }, (_, index) => textOf(storyOf(index + 1, SEEDS.shape)));

  it('draw every fault of the list', () => assert.deepEqual(undrawnFaults(texts), []));
  it('draw every key and every form of every command, but for those that are named with the reason', () =>
    assert.deepEqual(undrawn(texts), []));
});

describe('the scenario that is written of a seed', () => {
  const shape = { least: 3, most: 4, vms: 5, minutes: 2 };
  const seeds = Array.from({ length: 200 }, (_, index) => storyOf(index + 1, shape));
  const first = (wanted: (start: ReturnType<typeof startOfSeed>, words: string) => boolean): number =>
    seeds.find((story) => wanted(startOfSeed(story), drawCommands(story).map(({ text }) => text).join('\n')))!.seed;
  const cases = {
    'whose coordinators vouch for each other': first(({ settings }) => settings.vouching),
    'whose daemons are of the first release': first(({ settings }) => settings.oldDaemons === true),
    'with a person who says that a node is off': first((_start, words) => words.includes('confirm-fenced')),
    'with a node to come, and rules that change': first(({ nodes }, words) =>
      nodes.some(({ power }) => !power) && words.includes('rule ')),
  };
  for (const [name, seed] of Object.entries(cases)) {
    it(`is that very play, line by line: one ${name}`, async () => {
      const story = storyOf(seed, shape);
      const played = await playSeed(story, undefined, { chronicle: true });
      const folder = mkdtempSync(join(tmpdir(), 'pvc-seed-'));
      try {
        writeScenario(folder, story, played);
        const lines: string[] = [];
        const { violations } = await playScenario(readScenario(folder), {
          seed, profile: 'fast', onLine: (line) => lines.push(line),
        });
        assert.deepEqual(lines, played.lines);
        assert.deepEqual(violations, played.violations);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

/** Same seed, same log: nothing of the host that simulates, and nothing of what it did before, is seen in the world. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../actors/process.js';
import { drawCommands, playSeed } from '../fixtures/sim/fuzz.js';

const PROGRAM = fileURLToPath(new URL('../fixtures/sim/same-log.js', import.meta.url));
const STORY = { seed: 7, nodes: 3, vms: 5, minutes: 2 };

/** The log of one seed, played by a process under other conditions. */
async function logUnder(flags: readonly string[], env: Record<string, string>): Promise<string> {
  const { seed, nodes, vms, minutes } = STORY;
  const words = [seed, nodes, vms, minutes].map(String);
  const { stdout, stderr, status } = await runProgram(process.execPath, [...flags, PROGRAM, ...words], {
    deadlineMs: 120_000, env,
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

it("a seed gives the same log byte for byte, whatever its process's zone, language and hashes", async () => {
  const here = await logUnder(['--hash-seed=1'], { TZ: 'UTC', LANG: 'C', LC_ALL: 'C' });
  const there = await logUnder(['--hash-seed=77', '--random-seed=5', '--max-semi-space-size=1'], {
    TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', HOME: '/', PATH: '/',
  });
  assert.ok(here.split('\n').length > 60, 'the daemons say what they do');
  assert.equal(there, here);
});

it('and the second play of a process is the first', async () => {
  const first = await playSeed(STORY, drawCommands(STORY), { level: 'debug' });
  const second = await playSeed(STORY, drawCommands(STORY), { level: 'debug' });
  assert.deepEqual(second.lines, first.lines);
});

/** The simulated cluster runs the shipped daemons: scenarios end as told, and the same seed tells the same story. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { runSimCli } from '../fixtures/sim/cli.js';
import { playScenario } from '../fixtures/sim/scenario/play.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';

const NODES = { hv1: {}, hv2: {}, hv3: {} };
const UP = ['power hv1 on', 'power hv2 on', 'power hv3 on'];

describe('the simulator', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'pvc-sim-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (cluster: unknown, commands: unknown): void => {
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify(cluster, null, 1));
    writeFileSync(join(folder, 'commands.json'), JSON.stringify(commands, null, 1));
  };

  it('recovers a VM of a node that lost its power, and tells the same story twice', async () => {
    write({ nodes: NODES, vms: { 101: { node: 'hv1', state: 'start' } } }, [UP, ['power hv1 off']]);
    const stories = [];
    for (let run = 0; run < 2; run += 1) {
      const lines: string[] = [];
      const result = await playScenario(readScenario(folder), {
        seed: 7, profile: 'fast', onLine: (line) => lines.push(line),
      });
      assert.deepEqual(result.violations, []);
      assert.equal(result.vms['101']?.state, 'start');
      assert.equal(result.vms['101']?.runningOn.length, 1);
      assert.deepEqual(result.vms['101']?.runningOn, [result.vms['101']?.node]);
      stories.push(lines);
    }
    assert.deepEqual(stories[0], stories[1]);
  });

  it('starts nothing anywhere without a quorum', async () => {
    write({ nodes: NODES, vms: { 101: { node: 'hv1', state: 'start' } } }, [['power hv1 on']]);
    const result = await playScenario(readScenario(folder), { seed: 1, profile: 'fast' });
    assert.deepEqual(result.vms['101']?.runningOn, []);
    assert.deepEqual(result.violations, []);
  });

  it('keeps the rules: strict apart at the start already, and home again once the liked node is back', async () => {
    write({
      nodes: NODES, vms: { 101: { node: 'hv1', state: 'start' }, 102: { node: 'hv1', state: 'start' } },
      rules: [
        { kind: 'node-affinity', vms: ['101'], nodes: { hv3: 2, hv2: 1 }, strict: true },
        { kind: 'vm-affinity', vms: ['101', '102'], together: false, strict: true },
      ],
    }, [UP, ['power hv3 off'], ['delay 90']]);
    const result = await playScenario(readScenario(folder), {
      seed: 3, profile: 'fast',
    });
    assert.deepEqual(result.violations, []);
    assert.deepEqual(result.vms['101']?.runningOn, ['hv3']);
    assert.notEqual(result.vms['102']?.node, 'hv3');
    assert.equal(result.vms['102']?.runningOn.length, 1);
  });

  it('names what is wrong with a scenario by file and line, with what would be legal', async () => {
    const wrong = [['power hv1 onn', 'fly hv1'], ['vm 7 start']];
    write({ nodes: NODES, vms: { 101: { node: 'hv9', state: 'startd' } } }, wrong);
    let told = '';
    const output = { out: () => undefined, err: (text: string) => { told += text; } };
    const status = await runSimCli(['run', folder], output);
    assert.equal(status, 2);
    assert.match(told, /^cluster\.json:\d+: there is no node "hv9"; legal: hv1, hv2, hv3$/m);
    assert.match(told, /^cluster\.json:\d+: state is "startd"; legal: start, stop, disable, fail, migrate$/m);
    assert.match(told, /^commands\.json:\d+: "power hv1 onn": on or off$/m);
    assert.match(told, /^commands\.json:\d+: "fly hv1" is not a command; legal: power, /m);
    assert.match(told, /^commands\.json:\d+: there is no VM "7"; legal: 101$/m);
  });
});

/** Policies in a simulated cluster: what nobody may do by itself, and what a clean shutdown leaves behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { playScenario } from '../fixtures/sim/scenario/play.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';
import type { ScenarioResult } from '../fixtures/sim/scenario/result.js';

const NODES = { hv1: {}, hv2: {}, hv3: {} };
const UP = ['power hv1 on', 'power hv2 on', 'power hv3 on'];
const ON_HV1 = { node: 'hv1', state: 'start' };

describe('a policy', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'pvc-sim-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function play(cluster: Record<string, unknown>, ...groups: string[][]): Promise<[ScenarioResult, string]> {
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify({ nodes: NODES, ...cluster }));
    writeFileSync(join(folder, 'commands.json'), JSON.stringify([UP, ...groups]));
    let log = '';
    const result = await playScenario(readScenario(folder), {
      seed: 5, profile: 'fast', onLine: (line) => { log += `${line}\n`; },
    });
    assert.deepEqual(result.violations, []);
    return [result, log];
  }

  it('leaves a VM without ha with its lost node, and rules do not see it', async () => {
    const [{ vms }] = await play({
      vms: { 101: { ...ON_HV1, ha: false }, 102: ON_HV1 },
      rules: [{ kind: 'node-affinity', vms: ['101'], nodes: { hv2: 1 }, strict: true }],
    }, ['vm 101 start'], ['power hv1 off']);
    assert.deepEqual(vms['101'], { node: 'hv1', state: 'start', runningOn: [] });
    assert.notDeepEqual(vms['102']?.runningOn, []);
  });

  it('fences nobody and starts nothing under maintenance, and does both once it is over', async () => {
    const vms = { 101: ON_HV1 };
    const away = [['maintenance on'], ['power hv1 off', 'delay 90']];
    const [during, log] = await play({ vms }, ...away, ['vm 101 migrate hv2']);
    assert.deepEqual(during.vms['101']?.runningOn, []);
    assert.equal(during.nodes['hv1']?.fence, 'none');
    assert.match(log, /denied: Maintenance is on/);
    const [after] = await play({ vms }, ...away, ['maintenance off']);
    assert.equal(after.vms['101']?.runningOn.length, 1);
  });

  it('does not switch on a node that was shut down in order, and recovers what it ran', async () => {
    const [{ nodes, vms }, log] = await play({ vms: { 101: ON_HV1 } }, ['shutdown hv1', 'delay 60']);
    assert.equal(nodes['hv1']?.daemon, 'stop');
    assert.doesNotMatch(log, /power on hv1 by its BMC/);
    assert.equal(vms['101']?.runningOn.length, 1);
  });

  it('keeps a frozen VM for its node, however long that stays away', async () => {
    const settings = { shutdownPolicy: 'freeze' };
    const [away] = await play({ vms: { 101: ON_HV1 }, settings }, ['shutdown hv1', 'delay 300']);
    assert.deepEqual(away.vms['101'], { node: 'hv1', state: 'stop', runningOn: [] });
    const [back] = await play({ vms: { 101: ON_HV1 }, settings }, ['shutdown hv1', 'delay 30'], ['power hv1 on']);
    assert.deepEqual(back.vms['101'], { node: 'hv1', state: 'start', runningOn: ['hv1'] });
  });

  it('takes off the lock of a backup in recovery, and never that of a creation', async () => {
    const [{ vms }] = await play({ vms: { 101: ON_HV1, 102: ON_HV1 } },
      ['vm 101 lock backup', 'vm 102 lock create'], ['power hv1 off']);
    assert.equal(vms['101']?.runningOn.length, 1);
    assert.deepEqual([vms['102']?.state, vms['102']?.runningOn], ['fail', []]);
  });
});

/** A node that lives and has no way to the storage, in the simulated cluster: when its VMs are moved, and when not. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Broken } from '../fixtures/sim/broken.js';
import { playScenario } from '../fixtures/sim/scenario/play.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';
import type { ScenarioResult } from '../fixtures/sim/scenario/result.js';

const UP = ['power hv1 on', 'power hv2 on', 'power hv3 on'];

describe('a node without a way to the storage', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'pvc-sim-loss-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const play = (commands: unknown, vms: unknown, broken?: Broken): Promise<ScenarioResult> => {
    const cluster = { nodes: { hv1: {}, hv2: {}, hv3: {} }, vms };
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify(cluster));
    writeFileSync(join(folder, 'commands.json'), JSON.stringify(commands));
    return playScenario(readScenario(folder), { seed: 1, profile: 'fast', ...(broken && { broken }) });
  };

  it('what an ended copy had under way is shut out; without that, it lands beneath the next one', async () => {
    const cut = ['network hv3 off storage', 'delay 32', 'network hv3 on storage', 'delay 30'];
    const commands = [[...UP, 'delay 10'], cut];
    const seen = async (broken?: Broken): Promise<readonly string[]> => {
      const { vms, violations } = await play(commands, { 101: { node: 'hv3' } }, broken);
      assert.notEqual(vms['101']?.node, 'hv3');
      return [...new Set(violations.map(({ invariant }) => invariant))];
    };
    assert.deepEqual(await seen(), []);
    assert.deepEqual(await seen({ shutOut: true }), ['I2']);
  });

  it('VMs with disks elsewhere stay, and those that no other node may take; the others go', async () => {
    const vms = {
      101: { node: 'hv3' }, 102: { node: 'hv3', storage: 'local' }, 103: { node: 'hv3', limit: ['hv3'] },
    };
    const result = await play([UP, ['network hv3 off storage', 'delay 60']], vms);
    assert.deepEqual(result.violations, []);
    const at = Object.entries(result.vms).map(([id, { node, runningOn }]) => [id, node === 'hv3', runningOn.length]);
    assert.deepEqual(at, [['101', false, 1], ['102', true, 1], ['103', true, 1]]);
    assert.equal(result.nodes['hv3']?.fence, 'none');
  });

  it('where most nodes have none it is the storage that is away: nobody moves, and all goes on', async () => {
    const cut = ['network hv2 off storage', 'network hv3 off storage', 'delay 60'];
    const back = ['network hv2 on storage', 'network hv3 on storage', 'delay 20'];
    const result = await play([UP, cut, back], { 101: { node: 'hv3' }, 102: { node: 'hv2' }, 103: { node: 'hv1' } });
    assert.deepEqual(result.violations, []);
    assert.deepEqual(Object.values(result.vms).map(({ runningOn }) => runningOn), [['hv3'], ['hv2'], ['hv1']]);
  });

  it('its power goes while they are being moved: they are recovered like any other', async () => {
    const commands = [UP, ['network hv3 off storage', 'delay 31', 'power hv3 off', 'delay 40']];
    const result = await play(commands, { 101: { node: 'hv3' }, 102: { node: 'hv3' }, 103: { node: 'hv3' } });
    assert.deepEqual(result.violations, []);
    assert.deepEqual(Object.values(result.vms).map(({ node, runningOn }) => [node !== 'hv3', runningOn.length]),
      [[true, 1], [true, 1], [true, 1]]);
  });
});

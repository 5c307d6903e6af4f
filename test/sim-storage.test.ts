/** The storage fence in the simulated cluster: what it is worth shows when it is skipped. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Broken } from '../fixtures/sim/broken.js';
import { runSimCli } from '../fixtures/sim/cli.js';
import { playScenario, type PlayOptions } from '../fixtures/sim/scenario/play.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';
import type { ScenarioResult } from '../fixtures/sim/scenario/result.js';

const UP = ['power hv1 on', 'power hv2 on', 'power hv3 on'];
const NODES = { hv1: {}, hv2: {}, hv3: {} };

describe('the storage fence', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'pvc-sim-storage-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const VMS = { 101: { node: 'hv3' }, 102: { node: 'hv3', storage: 'local' } };
  const write = (commands: unknown, vms: unknown = VMS): void => {
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify({ nodes: NODES, vms }, null, 1));
    writeFileSync(join(folder, 'commands.json'), JSON.stringify(commands, null, 1));
  };
  const play = (broken?: Broken): Promise<ScenarioResult> => {
    const options: PlayOptions = { seed: 1, profile: 'fast', ...(broken && { broken }) };
    return playScenario(readScenario(folder), options);
  };

  it('skipped, is seen: the proof is false; with a guard that is late as well, two copies write by turns', async () => {
    write([UP, ['bmc hv3 dead', 'network hv3 off upstream', 'network hv3 off cluster', 'delay 40']]);
    const seen = async (broken?: Broken): Promise<string[]> =>
      [...new Set((await play(broken)).violations.map(({ invariant }) => invariant))].sort();
    assert.deepEqual(await seen(), []);
    assert.ok((await seen({ blocklist: true })).includes('I3'));
    const late = await seen({ guardLateMs: 60_000 });
    assert.ok(late.includes('I4') && !late.includes('I1') && !late.includes('I2'), `the fence holds: ${late.join()}`);
    const both = await seen({ guardLateMs: 60_000, blocklist: true });
    assert.deepEqual(['I1', 'I2', 'I3', 'I4'].filter((each) => !both.includes(each)), []);
  });

  it('moves guests in RBD only; a node whose fence it is stays out until it is rebooted', async () => {
    write([UP, ['bmc hv3 dead', 'network hv3 off', 'delay 40'], ['network hv3 on', 'delay 40']]);
    const { vms, nodes, violations } = await play();
    assert.deepEqual(violations, []);
    assert.equal(vms['101']?.runningOn.length, 1);
    assert.notEqual(vms['101']?.node, 'hv3');
    assert.deepEqual([vms['102']?.node, vms['102']?.runningOn], ['hv3', []]);
    assert.deepEqual([nodes['hv3']?.daemon, nodes['hv3']?.fence], ['dead', 'stuck']);
  });

  it('places nothing where storage does not answer, and counts that as no failed start', async () => {
    const vm = { node: 'hv4', maxRestart: 0, limit: ['hv1', 'hv3', 'hv4'] };
    const cluster = { nodes: { ...NODES, hv4: {} }, vms: { 101: vm } };
    write([[...UP, 'power hv4 on'], ['network hv1 off storage', 'delay 5', 'bmc hv4 dead', 'power hv4 off']]);
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify(cluster));
    const { vms, nodes, violations } = await play();
    assert.deepEqual(violations, []);
    assert.equal(nodes['hv1']?.coordinator, 'primary', 'the one without storage: another coordinator asks for it');
    assert.deepEqual(vms['101'], { node: 'hv3', state: 'start', runningOn: ['hv3'] });
  });

  it('is told what OSDs and moods there are', async () => {
    write([['storage osd.9 down', 'storage fence broken', 'storage 2 gone', 'storage 5 slow', 'storage all up']]);
    let told = '';
    const output = { out: () => undefined, err: (text: string) => { told += text; } };
    assert.equal(await runSimCli(['run', folder], output), 2);
    assert.match(told, /commands\.json:\d+: there is no OSD "osd\.9"; legal: osd\.0, .*osd\.5, all/);
    assert.match(told, /there is no mood of the fence "broken"; legal: ok, slow, refused/);
    assert.match(told, /there is no state of an OSD "gone"; legal: down, up, slow/);
    assert.equal(told.trim().split('\n').length, 3);
  });
});

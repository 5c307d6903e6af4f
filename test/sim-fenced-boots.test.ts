/** A VM that came to name a fenced boot after the fence's own plan had read it is told of the proof all the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SimProcess } from '../fixtures/sim/process.js';
import { writeStart } from '../fixtures/sim/scenario/begin.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';
import { Wishes } from '../fixtures/sim/scenario/wishes.js';
import { SimWorld } from '../fixtures/sim/world.js';
import type { VmContext } from '../machines/vm/messages.js';
import { addressOf } from '../runtime/address.js';
import { decodeRecord, encodeRecord } from '../runtime/codec.js';
import { pathsUnder } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';

const NODES = ['hv1', 'hv2', 'hv3'];
const VM = addressOf('vm', '101');
const paths = pathsUnder('/pvc');

describe('a boot that is fenced', () => {
  let folder: string;
  let world: SimWorld;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pvc-sim-'));
    const nodes = Object.fromEntries(NODES.map((name) => [name, {}]));
    const vms = { 101: { node: 'hv1', state: 'start' } };
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify({ nodes, vms }));
    writeFileSync(join(folder, 'commands.json'), '[]');
    const { start } = readScenario(folder);
    world = new SimWorld({ seed: 3, nodes: start.nodes, wishes: new Wishes(start.vms) });
    await asClient((store) => writeStart(store, start));
    world.time.rewind();
    for (const name of NODES) world.node(name).setPower('on');
    await run(60_000);
  });
  afterEach(() => {
    world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (ms: number): Promise<void> => world.time.runUntil(world.time.nowMs + ms);
  /** What a client of the ensemble does, at once. */
  async function asClient(act: (store: Store) => Promise<unknown>): Promise<void> {
    const store = world.genesis(new SimProcess('the test', world.time, () => 0));
    let done = false;
    const acting = act(store).finally(() => { done = true; });
    await world.time.runUntil(Infinity, () => done);
    await acting;
    await store.close();
  }
  const record = () => decodeRecord(world.ensemble.tree.read(paths.record(VM))!.data);
  const boots = (): readonly string[] =>
    (record().snapshot.context as unknown as VmContext).mayRunOn.map((boot) => boot.node);

  /** The VM's record names this boot as one that may hold a copy, too. */
  async function name(boot: { readonly node: string; readonly bootId: string }): Promise<void> {
    const { snapshot, ...rest } = record();
    const context = { ...snapshot.context, mayRunOn: [...(snapshot.context['mayRunOn'] as unknown[]), boot] };
    const data = encodeRecord({ ...rest, snapshot: { ...snapshot, context } });
    await asClient((store) => store.multi([{ op: 'set', path: paths.record(VM), data, version: 'any' }]));
    assert.deepEqual(boots(), ['hv1', boot.node]);
  }

  it('leaves the list of a VM that named it too late for the plan', async () => {
    assert.deepEqual(boots(), ['hv1']);
    const dead = { node: 'hv3', bootId: world.node('hv3').bootId };
    world.node('hv3').setPower('off');
    await run(60_000);
    assert.notEqual(world.ensemble.tree.read(paths.fence('hv3', dead.bootId)), null, 'hv3 is fenced');
    await name(dead);
    await run(60_000);
    assert.deepEqual(boots(), ['hv1']);
    assert.deepEqual(world.copies('101').map(({ node }) => node), ['hv1'], 'and its guest was not touched');
  });

  it('and one that came and went before anybody was told of it is proved over by the boot that runs', async () => {
    await name({ node: 'hv3', bootId: 'came-and-went' });
    await run(90_000);
    assert.deepEqual(boots(), ['hv1']);
    assert.notEqual(world.ensemble.tree.read(paths.fence('hv3', 'came-and-went')), null, 'the proof is on file');
    assert.equal(world.ensemble.tree.read(paths.fence('hv3', world.node('hv3').bootId)), null, 'hv3 lives on');
    assert.deepEqual(world.copies('101').map(({ node }) => node), ['hv1'], 'and the guest was not touched');
  });
});

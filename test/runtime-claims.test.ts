/** Taking over what a dead incarnation left: many in one multi, shared among the heirs, fenced where that is asked. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { startMovers, type Movers } from '../fixtures/runtime/movers.js';
import { counterOf, createCounter, paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import { claim, claimAll, type ClaimDeps } from '../runtime/claims.js';
import { systemClock } from '../runtime/clock.js';
import { decodeOwner } from '../runtime/codec.js';
import { heirOf } from '../runtime/rendezvous.js';

const NODES = ['n1', 'n2', 'n3'];

describe('claims', () => {
  let cluster: MemoryCluster;
  let nodes: TestNode[];
  const movers: Movers[] = [];

  beforeEach(async () => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    nodes = [];
    for (const name of NODES) nodes.push(await startNode(name, await cluster.open(), NODES));
  });
  afterEach(async () => {
    for (const each of movers.splice(0)) each.stop();
    for (const node of nodes) node.stop();
    await Promise.all(nodes.map((node) => node.store.close()));
  });

  const depsOf = ({ name, store, incarnation, bootId }: TestNode, needsFence: ClaimDeps['needsFence'] = null) => (
    { store, paths, needsFence, self: { node: name, incarnation, bootId } });
  const kill = (node: TestNode): void => {
    node.stop();
    cluster.expire(node.store.session.id);
  };
  const countersOf = async (node: TestNode, count: number): Promise<Address[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => createCounter(node, `${node.name}-${index}`)));
  const ownerOf = async (node: TestNode, address: Address) =>
    decodeOwner((await node.store.read(paths.owner(address)))!.data);

  it('many are claimed by few transactions, each with its epoch raised', async () => {
    const [one, two] = [nodes[0]!, nodes[1]!];
    const actors = await countersOf(one, 250);
    kill(one);
    let multis = 0;
    const multi = two.store.multi.bind(two.store);
    two.host.stop();
    two.store.multi = (ops) => {
      if (ops.some((op) => op.op === 'absent')) multis += 1;
      return multi(ops);
    };
    const results = await claimAll(depsOf(two), actors);
    assert.deepEqual([...new Set(results.values())], ['claimed']);
    assert.equal(results.size, 250);
    assert.equal(multis, 3);
    assert.deepEqual((await ownerOf(two, actors[249]!)).epoch, 2);
    assert.deepEqual([...new Set((await claimAll(depsOf(two), actors)).values())], ['claimed'], 'ours already');
    assert.equal((await ownerOf(two, actors[249]!)).epoch, 2, 'and nothing was written for that');
  });

  it('what somebody else was quicker about is left out, and the rest of that transaction is claimed', async () => {
    const [one, two, three] = [nodes[0]!, nodes[1]!, nodes[2]!];
    const actors = await countersOf(one, 20);
    kill(one);
    const multi = two.store.multi.bind(two.store);
    let quick = true;
    two.store.multi = async (ops) => {
      if (quick && ops.some((op) => op.op === 'absent')) {
        quick = false;
        await claimAll(depsOf(three), actors.slice(5, 9));
      }
      return multi(ops);
    };
    const results = await claimAll(depsOf(two), [...actors, 'counter/none']);
    const of = (kind: string): Address[] => [...results].filter(([, result]) => result === kind).map(([name]) => name);
    assert.deepEqual(of('moved'), actors.slice(5, 9));
    assert.deepEqual(of('gone'), ['counter/none']);
    assert.equal(of('claimed').length, 16);
    assert.equal((await ownerOf(two, actors[6]!)).node, 'n3');
  });

  it('a lease that stands protects its actors, and a claimant without one gets nothing', async () => {
    const [one, two] = [nodes[0]!, nodes[1]!];
    const [actor] = await countersOf(one, 1);
    assert.equal(await claim(depsOf(two), actor!), 'alive');
    kill(one);
    const lapsed = { ...depsOf(two), self: { ...depsOf(two).self, incarnation: 'n2.nothing' } };
    assert.equal(await claim(lapsed, actor!), 'lapsed');
    assert.equal(await claim(depsOf(two), actor!), 'claimed');
  });

  it('who needs a fence is claimed with the proof on file only; its neighbours meanwhile', async () => {
    const [one, two] = [nodes[0]!, nodes[1]!];
    const actors = await countersOf(one, 4);
    kill(one);
    const deps = depsOf(two, (record) => record.id.endsWith('-2'));
    const first = await claimAll(deps, actors);
    assert.deepEqual(actors.map((actor) => first.get(actor)), ['claimed', 'claimed', 'unfenced', 'claimed']);
    await two.store.multi([{ op: 'create', path: paths.fence('n1', one.bootId), data: new Uint8Array(0) }]);
    assert.equal(await claim(deps, actors[2]!), 'claimed');
  });

  it('a record that cannot be read keeps nobody else from being claimed', async () => {
    const [one, two] = [nodes[0]!, nodes[1]!];
    const actors = await countersOf(one, 3);
    kill(one);
    await two.store.multi([{ op: 'set', path: paths.record(actors[1]!), data: Buffer.from('?'), version: 'any' }]);
    const results = await claimAll(depsOf(two, () => false), actors);
    assert.deepEqual(actors.map((actor) => results.get(actor)), ['claimed', 'unreadable', 'claimed']);
  });

  it('a lost answer is not taken for a success; the next look finds out', async () => {
    const [one, two] = [nodes[0]!, nodes[1]!];
    const actors = await countersOf(one, 3);
    kill(one);
    two.host.stop();
    cluster.cutNextMulti(two.store.session.id, 'applied');
    let results = await claimAll(depsOf(two), actors);
    assert.ok([...results.values()].every((result) => result === 'unknown'));
    while (two.store.state !== 'connected') await systemClock.sleep(5);
    results = await claimAll(depsOf(two), actors);
    assert.ok([...results.values()].every((result) => result === 'claimed'));
    assert.equal((await ownerOf(two, actors[0]!)).epoch, 2, 'claimed once');
  });

  it('the heirs share what a dead node left: each claims what draws it most, and nobody twice', async () => {
    const [one, two, three] = [nodes[0]!, nodes[1]!, nodes[2]!];
    const actors = await countersOf(one, 60);
    for (const actor of actors) await until(three, actor, (record) => counterOf(record).owners.length === 1);
    movers.push(startMovers(two), startMovers(three));
    kill(one);
    for (const actor of actors) {
      const record = await until(two, actor, (each) => counterOf(each).owners.length >= 2);
      const heir = heirOf(actor, ['n2', 'n3']);
      assert.deepEqual(counterOf(record).owners.slice(0, 2), ['n1:created', `${heir}:claimed`]);
    }
  });

  it('an heir that does nothing is stepped in for', async () => {
    const [one, two] = [nodes[0]!, nodes[1]!];
    const actors = await countersOf(one, 20);
    for (const actor of actors) await until(two, actor, (record) => counterOf(record).owners.length === 1);
    movers.push(startMovers(two));
    kill(one);
    for (const actor of actors) {
      await until(two, actor, (record) => counterOf(record).owners[1] === 'n2:claimed', 10_000);
    }
  });

  it('what belongs to a node waits for it', async () => {
    const [one, two] = [nodes[0]!, nodes[1]!];
    const [actor] = await countersOf(one, 1);
    await until(two, actor!, (record) => counterOf(record).owners.length === 1);
    movers.push(startMovers(two, () => ({ node: 'n1' })));
    kill(one);
    const again = await startNode('n1', await cluster.open(), NODES);
    nodes.push(again);
    movers.push(startMovers(again, () => ({ node: 'n1' })));
    const record = await until(again, actor!, (each) => counterOf(each).owners.length === 2);
    assert.deepEqual(counterOf(record).owners, ['n1:created', 'n1:claimed']);
  });
});

/** SIGTERM of a daemon in a simulated cluster: what it gives away, what it says, and what the others make of it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Wishes } from '../fixtures/sim/scenario/wishes.js';
import { SimWorld } from '../fixtures/sim/world.js';
import { nodeLifePath } from '../machines/node/view.js';
import { addressOf } from '../runtime/address.js';
import { decode } from '../runtime/codec.js';
import { READ_VERSIONS } from '../runtime/record.js';
import type { Feed } from '../runtime/feed-types.js';

const NODES = ['hv1', 'hv2', 'hv3'];

describe('a daemon that is told to end', () => {
  let world: SimWorld;
  beforeEach(async () => {
    world = new SimWorld({
      seed: 11, nodes: NODES.map((name) => ({ name, coordinator: true, cpus: 4, memoryMiB: 8192 })),
      wishes: new Wishes([]),
    });
    for (const name of NODES) world.node(name).setPower('on');
    await run(30_000);
  });
  afterEach(() => world.close());

  const run = (ms: number): Promise<void> => world.time.runUntil(world.time.nowMs + ms);
  const feedOf = (name: string): Feed => world.node(name).services!.feed;
  const primaryOf = (name: string): string => feedOf(name).primary()?.node ?? 'nobody';
  /** Every state that a node's life went through, as another node's feed shows it. */
  const livesOf = (watcher: string, name: string): string[] => {
    const lives: string[] = [];
    feedOf(watcher).subscribe(null, ({ address, record }) => {
      const life = nodeLifePath(record.snapshot);
      if (address === `node/${name}` && lives.at(-1) !== life) lives.push(life);
    });
    return lives;
  };
  const ownersOf = (watcher: string): string[] =>
    NODES.map((name) => feedOf(watcher).actor(addressOf('node', name))?.owner?.node ?? 'nobody');

  it('gives the role of primary and what goes with it to others, and nobody suspects it while it is away', async () => {
    const old = primaryOf('hv3');
    const [watcher] = NODES.filter((name) => name !== old);
    const lives = livesOf(watcher!, old);
    const restarting = world.node(old).restartDaemon();
    await run(800);
    await restarting;
    const next = primaryOf(watcher!);
    assert.notEqual(next, old);
    assert.deepEqual(ownersOf(watcher!), [next, next, next], 'handed over, not left behind');
    assert.equal(lives.at(-1), 'alive.restarting.announced');
    await run(15_000);
    assert.equal(lives.at(-1), 'alive.steady');
    assert.deepEqual(lives.filter((life) => life.startsWith('judging')), []);
    assert.equal(world.node(old).daemonRuns, true);
    assert.equal(primaryOf(old), next);
  });

  it('a node that dies while its restart is awaited is fenced long before the deadline', async () => {
    const old = primaryOf('hv3');
    const [other, watcher] = NODES.filter((name) => name !== old);
    const lives = livesOf(watcher!, other!);
    const restarting = world.node(other!).restartDaemon();
    await run(800);
    await restarting;
    assert.equal(lives.at(-1), 'alive.restarting.announced');
    world.node(other!).setPower('off');
    await run(15_000);
    assert.ok(lives.some((life) => life === 'alive.restarting.confirming'), lives.join(' '));
    assert.ok(lives.some((life) => life.startsWith('proved')), lives.join(' '));
  });

  it('hands a fence over that is under way: the new primary goes on with it', async () => {
    const old = primaryOf('hv3');
    const [dead, watcher] = NODES.filter((name) => name !== old);
    world.node(dead!).bmc = 'slow';
    world.node(dead!).setPower('off');
    const effects = () => feedOf(watcher!).actor(addressOf('node', dead!))!.record.effects.map(({ kind }) => kind);
    const asks = (): boolean => effects().some((kind) => kind.startsWith('bmc.'));
    for (let step = 0; step < 300 && !asks(); step += 1) await run(100);
    assert.ok(asks(), 'its BMC is being asked');
    void world.node(old).restartDaemon();
    await run(800);
    const next = primaryOf(watcher!);
    assert.notEqual(next, old);
    assert.deepEqual(ownersOf(watcher!), [next, next, next]);
    world.node(dead!).bmc = 'ok';
    const lives = livesOf(watcher!, dead!);
    await run(60_000);
    assert.ok(lives.some((life) => life.startsWith('proved')), lives.join(' '));
  });

  it('ends in bounded time when ZooKeeper is away, and carries on afterwards', async () => {
    const [first, second, third] = NODES;
    for (const name of NODES) world.node(name).zookeeper = false;
    world.ensemble.topologyChanged();
    await run(1000);
    let ended = false;
    void world.node(second!).restartDaemon().then(() => { ended = true; });
    await run(5000);
    assert.equal(ended, true);
    for (const name of NODES) world.node(name).zookeeper = true;
    world.ensemble.topologyChanged();
    await run(60_000);
    for (const name of [first!, second!, third!]) {
      const record = feedOf(first!).actor(addressOf('node', name))!.record;
      assert.equal(nodeLifePath(record.snapshot), 'alive.steady', name);
    }
  });
});

describe('daemons that came up at one moment', () => {
  it('write down what they read, so that one that is lost then holds nobody at an older version', async () => {
    const wishes = new Wishes([]);
    const world = new SimWorld({
      seed: 1, nodes: NODES.map((name) => ({ name, coordinator: true, cpus: 4, memoryMiB: 8192 })), wishes,
    });
    try {
      for (const name of NODES) world.node(name).setPower('on');
      await world.time.runUntil(15_000);
      world.node('hv1').setPower('off');
      await world.time.runUntil(25_000);
      const { feed } = world.node('hv2').services!;
      const { counts } = feed.actor(addressOf('node', 'hv1'))!.record;
      assert.ok(counts.steps > 2, 'a record of version 1 would count nothing');
      for (const name of NODES) {
        const entry = decode<{ recordVersions: number[] }>(world.ensemble.tree.read(`/pvc/nodes/${name}`)!.data);
        assert.deepEqual(entry.recordVersions, READ_VERSIONS, name);
      }
    } finally {
      world.close();
    }
  });
});

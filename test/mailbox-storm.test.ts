/** Actors come and go while others send to them: nothing is lost without a trace, nothing doubled, order is kept. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMailer, mailerDefinition, mailerOf, post } from '../fixtures/runtime/mailer.js';
import { paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { Chance } from '../fixtures/sim/chance.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import { bury } from '../runtime/burial.js';
import { systemClock } from '../runtime/clock.js';
import { decodeRecord } from '../runtime/codec.js';
import { listDeadLetters } from '../runtime/dead-letters.js';
import { LIMITS } from '../runtime/limits.js';
import { createLog } from '../runtime/log.js';
import type { Store } from '../runtime/store.js';

const NODES = ['n1', 'n2'];
const SENDERS = 6;
const RECEIVERS = 8;
const ROUNDS = 60;

/** Below what is kept of dead letters, so that all of them can be looked at. */
const SENT_TO_ONE_MAX = LIMITS.deadPerActor;

interface Ledger {
  /** `<receiver> <sender> <n>` */
  readonly sent: Set<string>;
  /** What the machine of each life of a receiver noted until it was removed, or until the end. */
  readonly lives: { readonly receiver: Address; readonly got: readonly string[] }[];
}

describe('a storm of births and removals', () => {
  for (const seed of [1, 7, 42]) {
    it(`seed ${seed}: every message is stepped once, in order, or is a dead letter`, () => storm(seed));
  }
});

async function storm(seed: number): Promise<void> {
  const chance = new Chance(seed);
  const cluster: MemoryCluster = createMemoryCluster({ sessionTimeoutMs: 5000 });
  const nodes: TestNode[] = [];
  for (const name of NODES) {
    nodes.push(await startNode(name, await cluster.open(), NODES, undefined, [mailerDefinition]));
  }
  const [one, two] = nodes as [TestNode, TestNode];
  const ledger: Ledger = { sent: new Set(), lives: [] };
  for (const { store } of nodes) keepLast(store, nodes[0]!.store, ledger);
  try {
    await play(chance, cluster, [one, two], ledger);
    await check(one, ledger);
  } finally {
    for (const node of nodes) node.stop();
    await Promise.all(nodes.map(({ store }) => store.close()));
  }
}

/** Senders tell random receivers, which are removed and made anew meanwhile; commits are cut now and then. */
async function play(
  chance: Chance, cluster: MemoryCluster, [one, two]: readonly [TestNode, TestNode], ledger: Ledger,
): Promise<void> {
  const senders = await Promise.all(Array.from({ length: SENDERS }, (_, index) =>
    createMailer(chance.pick([one, two]), paths, `s${index}`)));
  const receivers = Array.from({ length: RECEIVERS }, (_, index): Address => `mailer/r${index}`);
  for (const receiver of receivers) await createMailer(chance.pick([one, two]), paths, receiver.split('/')[1]!);
  for (const sender of senders) await until(one, sender, () => true);
  let next = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const sender = chance.pick(senders);
    const n = Array.from({ length: chance.between(1, 8) }, () => (next += 1));
    const to = receivers.filter((receiver) => chance.fraction() < 0.4
      && [...ledger.sent].filter((text) => text.startsWith(`${receiver} `)).length + n.length <= SENT_TO_ONE_MAX);
    for (const receiver of to) for (const each of n) ledger.sent.add(`${receiver} ${sender} ${each}`);
    await post(one.store, paths, sender, [{ type: 'send', from: sender, to, n }]);
    if (chance.fraction() < 0.2) cluster.cutNextMulti(two.store.session.id, chance.pick(['applied', 'lost']));
    if (chance.fraction() < 0.3) await remove(one, chance.pick(receivers));
    if (chance.fraction() < 0.5) await remake(chance.pick([one, two]), chance.pick(receivers));
    if (chance.fraction() < 0.3) await systemClock.sleep(chance.between(0, 15));
  }
  for (const node of [one, two]) await settled(node, senders);
  for (const receiver of receivers) await remake(one, receiver);
}

/** Notes the tombstones that a store's commits leave; `sure` reads what an unknown outcome was. */
function keepLast(store: Store, sure: Store, { lives }: Ledger): void {
  const multi = store.multi.bind(store);
  store.multi = async (operations) => {
    const result = await multi(operations);
    for (const op of operations) {
      if (op.op !== 'set' || !op.path.endsWith('/record')) continue;
      const record = decodeRecord(op.data);
      if (!record.removed || result.kind === 'refused') continue;
      const stored = result.kind === 'done' ? op : await sure.read(op.path);
      const isApplied = stored !== null && decodeRecord(stored.data).commitId === record.commitId;
      if (isApplied) lives.push({ receiver: `${record.kind}/${record.id}`, got: mailerOf(record).got });
    }
    return result;
  };
}

async function remove({ store }: TestNode, receiver: Address): Promise<void> {
  if (await store.read(paths.mailbox(receiver)) === null) return;
  await post(store, paths, receiver, [{ type: 'die' }]).catch(() => undefined);
}

/** Makes an actor where there is none; where there is one, that is left as it is. */
async function remake(node: TestNode, receiver: Address): Promise<void> {
  await createMailer(node, paths, receiver.split('/')[1]!).catch(() => undefined);
}

async function settled({ store }: TestNode, actors: readonly Address[]): Promise<void> {
  const giveUpAt = systemClock.monotonicMs() + 20_000;
  for (const actor of actors) {
    while (((await store.children(paths.mailbox(actor)).catch(() => null))?.names.length ?? 1) > 0) {
      assert.ok(systemClock.monotonicMs() < giveUpAt, `${actor} still has letters`);
      await systemClock.sleep(20);
    }
  }
}

async function check(one: TestNode, ledger: Ledger): Promise<void> {
  const { store } = one;
  const log = createLog('test', 'error');
  const receivers = [...new Set([...ledger.sent].map((text) => text.split(' ')[0] as Address))];
  const giveUpAt = systemClock.monotonicMs() + 20_000;
  for (const receiver of receivers) {
    while (((await store.children(paths.mailbox(receiver)))?.names.length ?? 0) > 0) {
      assert.ok(systemClock.monotonicMs() < giveUpAt, `${receiver} still has letters`);
      await bury({ store, paths, clock: systemClock, log }, receiver);
      await systemClock.sleep(20);
    }
  }
  const { letters, dropped } = await listDeadLetters(store, paths);
  assert.equal(dropped, 0);
  const dead = letters.filter(({ envelope }) => envelope.event.type === 'note')
    .map(({ actor, envelope: { event } }) => `${actor} ${String(event['from'])} ${String(event['n'])}`);
  for (const receiver of receivers) {
    const node = await store.read(paths.record(receiver));
    const record = node === null ? null : decodeRecord(node.data);
    if (record !== null && !record.removed) ledger.lives.push({ receiver, got: mailerOf(record).got });
  }
  const stepped = ledger.lives.flatMap(({ receiver, got }) => got.map((text) => `${receiver} ${text}`));
  for (const { receiver, got } of ledger.lives) inOrder(receiver, got);
  const seen = [...stepped, ...dead];
  assert.equal(new Set(seen).size, seen.length, 'something was seen twice');
  assert.deepEqual(seen.sort(), [...ledger.sent].sort(), 'everything was seen');
  assert.ok(dead.length > 0 && stepped.length > 0);
}

/** The numbers of each sender ascend. */
function inOrder(receiver: string, got: readonly string[]): void {
  const last = new Map<string, number>();
  for (const text of got) {
    const [sender, n] = text.split(' ') as [string, string];
    assert.ok(Number(n) > (last.get(sender) ?? 0), `${receiver}: ${text} after ${last.get(sender)}`);
    last.set(sender, Number(n));
  }
}

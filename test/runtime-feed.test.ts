import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createCounter, paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { lifeOf, runHistory, type History } from '../fixtures/runtime/feed-history.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { systemClock } from '../runtime/clock.js';
import type { FeedItem } from '../runtime/feed-types.js';
import { compareCursors, cursorText, parseCursor } from '../runtime/feed.js';

/** Seqs an item tells of: its transition's, or those it says are missing. */
function told({ transition, missing }: FeedItem): number[] {
  if (transition !== null) return [transition.seq];
  return Array.from({ length: missing!.toSeq - missing!.fromSeq + 1 }, (_, index) => missing!.fromSeq + index);
}

const seqsOf = (items: readonly FeedItem[], life: string): number[] =>
  items.filter((item) => lifeOf(item) === life).flatMap(told);

/** Waits until every life was told of to its end. */
async function settled({ lives, seen }: History): Promise<void> {
  const isTold = ({ name, seq }: { name: string; seq: number }): boolean => seqsOf(seen, name).length >= seq;
  for (let wait = 0; wait < 1000 && !lives.every(isTold); wait += 1) await systemClock.sleep(10);
}

describe('the feed', () => {
  const started: TestNode[] = [];
  const node = async (...given: Parameters<typeof startNode>): Promise<TestNode> => {
    const made = await startNode(...given);
    started.push(made);
    return made;
  };
  afterEach(async () => {
    for (const { store, stop } of started.splice(0)) {
      stop();
      await store.close();
    }
  });

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`gives each transition once or in a gap, ascending, whatever the reads and lives (seed ${seed})`, async () => {
      const history = await runHistory(seed, 150);
      try {
        await settled(history);
        const { seen, lives, feed } = history;
        for (const { name, seq } of lives) {
          assert.deepEqual(seqsOf(seen, name), Array.from({ length: seq }, (_, index) => index + 1), name);
        }
        assert.ok(lives.some(({ removed }) => removed), 'some were removed');
        assert.ok(seen.some(({ missing }) => missing !== null), 'some were missed');
        for (let index = 1; index < seen.length; index += 1) {
          const [before, after] = [seen[index - 1]!, seen[index]!];
          assert.ok(compareCursors(before.cursor, after.cursor) < 0, `ascending at ${index}`);
        }
        // In its own place in the cluster's order, so that the cursor means the same on every node.
        for (const { cursor, address, transition } of seen) {
          if (transition !== null) assert.deepEqual([cursor.address, cursor.seq], [address, transition.seq]);
        }
        for (const { name } of lives.filter(({ removed }) => removed)) {
          const last = seen.filter((item) => lifeOf(item) === name).at(-1);
          assert.equal(last?.record.removed, true, `${name} has its end`);
        }
        for (let from = 0; from < seen.length; from += 7) {
          const again: FeedItem[] = [];
          const cursor = parseCursor(cursorText(seen[from]!.cursor))!;
          const { gap, close } = feed.subscribe(cursor, (item) => again.push(item));
          close();
          assert.equal(gap, false);
          assert.deepEqual(again.map(({ cursor: at }) => at), seen.slice(from + 1).map(({ cursor: at }) => at));
        }
      } finally {
        await history.stop();
      }
    });
  }

  it('an actor whose end nobody recorded is a gap, right after what is out already', async () => {
    const cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    const one = await node('n1', await cluster.open(), ['n1']);
    const [a, b] = [await createCounter(one, 'a'), await createCounter(one, 'b')];
    await until(one, a, ({ seq }) => seq >= 2);
    const seen: FeedItem[] = [];
    one.feed.subscribe(null, (item) => seen.push(item));
    await one.gateway.submit(b, { type: 'add', value: 1 }, 'test');
    await until(one, b, ({ seq }) => seq >= 3);
    one.host.stop();
    const gone = [paths.mailbox(a), paths.record(a), paths.owner(a), paths.actor(a)];
    await one.store.multi(gone.map((path) => ({ op: 'delete', path, version: 'any' })));
    for (let wait = 0; wait < 500 && seen.at(-1)?.address !== a; wait += 1) await systemClock.sleep(5);
    const last = seen.at(-1)!;
    assert.deepEqual([last.address, last.transition, last.record.removed], [a, null, true]);
    assert.ok(compareCursors(seen.at(-2)!.cursor, last.cursor) < 0, 'ascending');
  });

  it('holds no records: an item is small however large its actor is', async () => {
    const history = await runHistory(11, 60);
    await history.stop();
    for (const { record } of history.seen) {
      assert.ok(!('tail' in record) && !('effects' in record));
      assert.ok(JSON.stringify(record).length < 1000);
    }
  });

  it('a removed actor can still be asked about for a while, also at a node that begins later', async () => {
    const cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    const one = await node('n1', await cluster.open(), ['n1', 'n2']);
    const address = await createCounter(one, 'a');
    await until(one, address, () => true);
    await one.gateway.submit(address, { type: 'die' }, 'req-1');
    for (let wait = 0; wait < 500 && one.feed.actor(address) !== null; wait += 1) await systemClock.sleep(10);
    const two = await node('n2', await cluster.open(), ['n1', 'n2']);
    for (const node of [one, two]) {
      const tomb = node.feed.tomb(address);
      assert.equal(tomb?.record.removed, true, node.name);
      assert.equal(tomb?.record.tail.at(-1)?.event.type, 'die');
      assert.equal(tomb?.record.tail.at(-1)?.correlation, 'req-1');
    }
    await two.mirror.tombs.sweep(systemClock.wallMs() + 3_600_000);
    assert.deepEqual((await one.store.children(paths.tombs))?.names, []);
    const again = await createCounter(one, 'a');
    assert.equal((await until(one, again, (record) => record.seq > 0)).removed, false, 'its name is free');
  });

  it('knows how many letters wait, and finds out again after a lost connection', async () => {
    const cluster = createMemoryCluster({ sessionTimeoutMs: 5000 });
    const one = await node('n1', await cluster.open(), ['n1', 'n2']);
    const two = await node('n2', await cluster.open(), ['n1', 'n2']);
    const address = await createCounter(one, 'a');
    await until(two, address, () => true);
    one.host.stop();
    const send = async (value: number) => void await one.gateway.submit(address, { type: 'add', value }, 'test');
    await send(1);
    await send(2);
    await two.feed.settleMailboxes([address]);
    assert.equal(two.feed.mailbox(address)?.letters, 2);
    assert.ok((two.feed.mailbox(address)?.oldestMs ?? -1) >= 0);
    cluster.disconnect(two.store.session.id);
    await send(3);
    const [name] = (await one.store.children(paths.mailbox(address)))!.names;
    await one.store.multi([{ op: 'delete', path: paths.envelope(address, name!), version: 'any' }]);
    await send(4);
    cluster.reconnect(two.store.session.id);
    for (let wait = 0; wait < 500 && two.feed.mailbox(address) !== null; wait += 1) await systemClock.sleep(5);
    assert.equal(two.feed.mailbox(address), null, 'unknown while doorbells may have been missed');
    await two.feed.settleMailboxes([address]);
    assert.equal(two.feed.mailbox(address)?.letters, 3);
  });
});

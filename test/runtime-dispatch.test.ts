/** Commands on their way: in order, together where they wait, and never carried out twice, whatever is lost. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { counterOf, createCounter, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { fateIn } from '../runtime/dispatch.js';
import type { Envelope } from '../runtime/envelope.js';
import type { ActorRecord, Operation } from '../runtime/record.js';
import type { StoreOp } from '../runtime/store.js';

const NODES = ['n1', 'n2'];
const isLetter = (op: StoreOp): boolean => op.op === 'create' && op.path.includes('/mailbox/');

describe('commands on their way', () => {
  let one: TestNode;
  let two: TestNode;

  beforeEach(async () => {
    const cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    one = await startNode('n1', await cluster.open(), NODES);
    two = await startNode('n2', await cluster.open(), NODES);
  });
  afterEach(async () => {
    one.stop();
    two.stop();
    await Promise.all([one.store.close(), two.store.close()]);
  });

  it('those given together go in order, in a few transactions', async () => {
    const address = await createCounter(one, 'a');
    const multi = two.store.multi.bind(two.store);
    let letters = 0;
    two.store.multi = (ops) => {
      if (ops.some(isLetter)) letters += 1;
      return multi(ops);
    };
    const values = Array.from({ length: 60 }, (_, index) => index + 1);
    const give = (value: number) => two.gateway.submit(address, { type: 'add', value }, 'test');
    const answers = await Promise.all(values.map(give));
    assert.deepEqual([...new Set(answers.map(({ kind }) => kind))], ['accepted']);
    const record = await until(two, address, (each) => counterOf(each).count === 60 * 61 / 2);
    assert.equal(record.counts.steps >= 60, true);
    assert.ok(letters <= 3, `${letters} transactions for ${values.length} commands`);
    const order = record.operations.map(({ operationId }) => operationId);
    const given = answers.map((answer) => answer.kind === 'accepted' ? answer.operationId : '');
    assert.deepEqual(order, given.slice(-order.length));
  });

  it('one whose answer was lost is not sent again when the record has forgotten it', async () => {
    const address = await createCounter(one, 'a');
    const multi = two.store.multi.bind(two.store);
    let letters = 0;
    two.store.multi = async (ops) => {
      const result = await multi(ops);
      if (!ops.some(isLetter)) return result;
      letters += 1;
      // Applied, but nobody says so; others' commands come before the next look.
      for (let each = 0; each < 40; each += 1) await one.gateway.submit(address, { type: 'finish' }, 'test');
      await until(one, address, ({ operations }) => operations.every(({ endedAt }) => endedAt !== null));
      return { kind: 'unknown', reason: 'connection lost' };
    };
    const answer = await two.gateway.submit(address, { type: 'finish' }, 'test');
    assert.equal(answer.kind === 'denied' && answer.code, 'PVC_NOT_COMMITTED');
    assert.equal(letters, 1);
  });

  it('one whose answer was lost is found in the record, and one that was lost is sent again', async () => {
    const address = await createCounter(one, 'a');
    const multi = two.store.multi.bind(two.store);
    const fates = ['applied', 'lost'];
    two.store.multi = async (ops) => {
      const fate = ops.some(isLetter) ? fates.shift() : undefined;
      if (fate !== 'lost') {
        const result = await multi(ops);
        if (fate === undefined) return result;
        await until(two, address, (each) => each.operations.length > 0);
      }
      return { kind: 'unknown', reason: 'connection lost' };
    };
    for (const value of [1, 10]) {
      assert.equal((await two.gateway.submit(address, { type: 'add', value }, 'test')).kind, 'accepted');
    }
    await until(two, address, (each) => counterOf(each).count === 11);
  });
});

describe('what a record says of a command that is no longer in the mailbox', () => {
  const operation = (operationId: string, ended = true): Operation => ({
    operationId, command: 'add', state: ended ? 'done' : 'accepted', message: null, acceptedAt: 1,
    endedAt: ended ? 2 : null,
  });
  const record = (seq: number, ...operations: Operation[]): ActorRecord =>
    ({ seq, operations } as unknown as ActorRecord);
  const mine = [{ operationId: 'mine' } as unknown as Envelope];
  const others = Array.from({ length: 16 }, (_, index) => operation(`o${index}`));
  const cases: [string, ActorRecord, ActorRecord | null, string][] = [
    ['it is in the record', record(50, operation('mine'), ...others), record(10), 'sent'],
    ['too few steps since for anything to be forgotten', record(20, ...others), record(10), 'not-sent'],
    ['one that had ended before is still told of', record(90, operation('old'), ...others.slice(1)),
      record(10, operation('old')), 'not-sent'],
    ['one that had not ended before proves nothing', record(90, operation('old'), ...others.slice(1)),
      record(10, operation('old', false)), 'unknown'],
    ['all that was known is forgotten', record(90, ...others), record(10, operation('old')), 'unknown'],
    ['nothing was known before', record(90, ...others), null, 'unknown'],
  ];
  for (const [what, present, before, fate] of cases) {
    it(`${fate}: ${what}`, () => assert.equal(fateIn(present, before, mine), fate));
  }
});

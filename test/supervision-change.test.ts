/**
 * OTP's supervisor_SUITE, its cases about siblings, names, starts that hang, order and live changes, under their own
 * names. A "global name" is an address here, and a start that hangs is one that never reports: no process is blocked.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SupervisionWorld } from '../fixtures/runtime/supervision-world.js';

const A = 'worker/root.a';
const B = 'worker/root.b';
const worker = (id: string, more: object = {}) => ({ id, kind: 'worker', ...more });
const HOUR = { intensity: 2, periodMs: 3_600_000 };

const world = (children: readonly object[], flags: object = {}): SupervisionWorld => {
  const made = new SupervisionWorld();
  made.root({ flags: { ...HOUR, ...flags }, children: children as never });
  made.taken();
  return made;
};
const simple = (template: object = {}, flags: object = {}): SupervisionWorld =>
  world([worker('w', template)], { strategy: 'simple_one_for_one', ...flags });
const error = (text: string, detail?: unknown) => detail === undefined ? { error: text } : { error: text, detail };
const OK = { ok: null };

describe('supervisor_SUITE: siblings, names, hanging starts', () => {
  it('temporary_bystander: a temporary sibling is stopped with the others and never revived', () => {
    for (const strategy of ['one_for_all', 'rest_for_one']) {
      const tree = world([worker('a'), worker('b', { restart: 'temporary' })], { strategy });
      tree.send(A, { type: 'crash' });
      const lines = tree.taken();
      assert.deepEqual(lines.slice(0, 2), [`exit ${A} 1 error`, `exit ${B} 1 shutdown`], strategy);
      // Both were told in one commit: their own have no order.
      assert.deepEqual(lines.slice(2).sort(), [`begin ${A} 2`, `gone ${B}`], strategy);
      assert.deepEqual(tree.statuses(), { a: 'running' });
    }
  });

  it('simple_global_supervisor: a supervisor and a worker of fixed addresses come back under them', () => {
    const tree = world([{ id: 's', kind: 'supervisor', address: 'supervisor/global', input: {
      children: [worker('w', { address: 'worker/global' })],
    } }], { intensity: 5 });
    tree.send('worker/global', { type: 'crash' });
    assert.equal(tree.lifeOf('worker/global'), 2);
    tree.send('worker/global', { type: 'end', reason: 'killed' });
    assert.deepEqual([tree.lifeOf('supervisor/global'), tree.lifeOf('worker/global')], [2, 3]);
    tree.ask('supervisor.child.terminate', { child: 's' });
    assert.deepEqual([tree.alive('supervisor/global'), tree.alive('worker/global')], [false, false]);
    tree.ask('supervisor.child.restart', { child: 's' });
    assert.deepEqual([tree.lifeOf('supervisor/global'), tree.lifeOf('worker/global')], [3, 4]);
  });

  it('already_started_outside_supervisor: an address that is taken is an error, and its holder is left alone', () => {
    const tree = world([]);
    tree.root({ children: [worker('x', { address: 'worker/taken' })] }, 'supervisor/other');
    assert.deepEqual(tree.ask('supervisor.child.start', { spec: worker('a', { address: 'worker/taken' }) }),
      error('already_started', 'there is an actor worker/taken already'));
    assert.deepEqual([tree.children(), tree.record('worker/taken').parent], [[], 'supervisor/other']);
    tree.send('worker/taken', { type: 'crash' });
    assert.equal(tree.lifeOf('worker/taken'), 2);
  });

  const hanging = { ready: 'reported', input: { ready: null }, shutdown: 100 };

  it('hanging_restart_loop: while a child does not start again, every question is answered', () => {
    const tree = world([worker('a', { backoff: { minMs: 1000, maxMs: 1000 } }), worker('b')], { intensity: 8 });
    tree.ask('supervisor.change', { children: [
      worker('a', { input: { fail: true }, backoff: { minMs: 1000, maxMs: 1000 } }),
    ] });
    tree.send(A, { type: 'crash' });
    tree.pass(2500);
    assert.deepEqual(tree.statuses(), { a: 'restarting', b: 'running' });
    assert.deepEqual(tree.counts(), [2, 1, 0, 2]);
    assert.deepEqual(tree.ask('supervisor.child.restart', { child: 'a' }), error('restarting'));
    assert.deepEqual(tree.ask('supervisor.child.delete', { child: 'a' }), error('restarting'));
    assert.deepEqual(tree.ask('supervisor.child.start', { spec: worker('a') }), error('already_present', A));
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: 'a' }), OK);
    tree.pass(10_000);
    assert.deepEqual(tree.statuses(), { a: 'stopped', b: 'running' });
    assert.deepEqual(tree.ask('supervisor.stop'), OK);
    assert.equal(tree.phase(), 'ended');
  });

  it('hanging_restart_loop: a start that never reports is ended by its deadline, and its stop by its own', () => {
    const tree = world([worker('a'), worker('b')], { intensity: 3 });
    tree.ask('supervisor.change', { children: [worker('a', { ...hanging, startDeadlineMs: 500 })] });
    tree.send(A, { type: 'crash' });
    assert.equal(tree.statuses()['a'], 'starting');
    tree.pass(600);
    assert.deepEqual([tree.statuses()['a'], tree.supervisor().restarts.length], ['starting', 2]);
    tree.pass(2000);
    assert.deepEqual([tree.phase(), tree.supervisor().restarts.length], ['ended', 4]);
  });

  it('hanging_restart_loop_rest_for_one: the later siblings are without a life meanwhile', () => {
    const tree = world([worker('a'), worker('b'), worker('c')], { strategy: 'rest_for_one', intensity: 8 });
    tree.ask('supervisor.change', { children: [
      worker('a'), worker('b', { input: { fail: true }, backoff: { minMs: 500, maxMs: 500 } }),
    ] });
    tree.send(B, { type: 'crash' });
    tree.pass(600);
    assert.deepEqual(tree.statuses(), { a: 'running', b: 'restarting', c: 'stopped' });
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: 'b' }), OK);
    assert.deepEqual(tree.ask('supervisor.child.restart', { child: 'c' }).error, undefined);
    assert.deepEqual(tree.ask('supervisor.stop'), OK);
  });

  it('hanging_restart_loop_simple', () => {
    const tree = simple({ backoff: { minMs: 500, maxMs: 500 } }, { intensity: 8 });
    tree.ask('supervisor.child.start');
    tree.ask('supervisor.change', { children: [
      worker('w', { input: { fail: true }, backoff: { minMs: 500, maxMs: 500 } }),
    ] });
    tree.send('worker/root.1', { type: 'crash' });
    tree.pass(600);
    assert.deepEqual(tree.statuses(), { 'worker/root.1': 'restarting' });
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: 'worker/root.1' }), OK);
    assert.deepEqual([tree.children(), tree.exists('worker/root.1')], [[], false]);
  });

  it('order_of_children: started in list order, stopped in reverse, also those that a restart takes along', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const tree = new SupervisionWorld();
    tree.root({ flags: { strategy: 'rest_for_one', ...HOUR }, children: ids.map((id) => worker(id)) });
    assert.deepEqual(tree.taken(), ids.map((id) => `start worker/root.${id} 1`));
    tree.send('worker/root.c', { type: 'crash' });
    assert.deepEqual(tree.taken(), [
      'exit worker/root.c 1 error', 'exit worker/root.e 1 shutdown', 'exit worker/root.d 1 shutdown',
      ...['c', 'd', 'e'].map((id) => `begin worker/root.${id} 2`),
    ]);
    tree.ask('supervisor.stop');
    const stopped = tree.taken().map((line) => line.split(' ')[1]);
    assert.deepEqual(stopped, [...ids].reverse().map((id) => `worker/root.${id}`));
  });

  it('back-off: the pauses grow up to their most, are the same on every host, and begin again after a good run', () => {
    const backoff = { minMs: 100, maxMs: 1000, factor: 2, jitter: 0.2 };
    const pauses = (): number[] => {
      const tree = world([worker('a', { backoff })], { intensity: 20 });
      return Array.from({ length: 6 }, (_, index) => {
        if (index === 5) tree.pass(1000);
        tree.send(A, { type: 'crash' });
        const began = tree.nowMs;
        while (tree.statuses()['a'] === 'restarting') tree.pass(1);
        return tree.nowMs - began;
      });
    };
    const found = pauses();
    assert.deepEqual(pauses(), found);
    [100, 200, 400, 800, 1000, 100].forEach((wanted, index) => {
      assert.ok(Math.abs(found[index]! - wanted) <= wanted * 0.2 + 1, `${found[index]} for ${wanted}`);
    });
    assert.notDeepEqual(found, [100, 200, 400, 800, 1000, 100]);
  });
});

describe('supervisor_SUITE: change', () => {
  it('code_change: new flags and specs count at once; nothing is started, stopped or deleted; bad ones refused', () => {
    const tree = world([worker('a')]);
    assert.deepEqual(tree.ask('supervisor.change', { flags: { intensity: 0 }, children: [worker('b')] }), OK);
    assert.deepEqual([tree.statuses(), tree.taken()], [{ b: 'stopped', a: 'running' }, []]);
    assert.deepEqual(tree.ask('supervisor.change', { flags: { intensity: -1 } }),
      error('invalid', 'invalid intensity -1: a whole number, 0 to 1000'));
    assert.deepEqual(tree.ask('supervisor.change', { children: [{ id: 'c' }] }),
      error('invalid', 'invalid kind undefined: missing'));
    assert.deepEqual(tree.ask('supervisor.change', { flags: { strategy: 'simple_one_for_one' } }).error, 'invalid');
    assert.deepEqual(tree.ask('supervisor.child.restart', { child: 'b' }), { ok: { address: B, info: null } });
    tree.send(A, { type: 'crash' });
    assert.equal(tree.phase(), 'ended');
  });

  it('code_change_map: a spec is replaced under its running child', () => {
    const tree = world([worker('a')]);
    const children = [worker('a', { restart: 'transient' })];
    tree.ask('supervisor.change', { flags: { strategy: 'one_for_all' }, children });
    assert.equal(tree.lifeOf(A), 1);
    tree.send(A, { type: 'end', reason: 'normal' });
    assert.deepEqual([tree.statuses(), tree.supervisor().flags.strategy], [{ a: 'stopped' }, 'one_for_all']);
  });

  it('code_change_simple, code_change_simple_map: another template; it stays one', () => {
    const tree = simple();
    tree.ask('supervisor.child.start');
    assert.deepEqual(tree.ask('supervisor.change', { children: [worker('v', { restart: 'temporary' })] }), OK);
    assert.deepEqual(tree.counts(), [1, 1, 0, 1]);
    assert.deepEqual(tree.ask('supervisor.change', { children: [worker('v'), worker('x')] }),
      error('invalid', 'simple_one_for_one needs exactly one child spec, not 2'));
    tree.send('worker/root.1', { type: 'crash' });
    assert.deepEqual(tree.counts(), [1, 0, 0, 0]);
  });

  it('a root that gave up is begun anew by command, its children in new lives; or it is removed with them', () => {
    const tree = world([worker('a'), worker('b')], { intensity: 0 });
    assert.match(tree.ask('supervisor.begin').error!, /is running/);
    tree.send(A, { type: 'crash' });
    assert.equal(tree.phase(), 'ended');
    assert.deepEqual(tree.ask('supervisor.begin'), { ok: null });
    assert.deepEqual([tree.phase(), tree.lifeOf(A), tree.lifeOf(B), tree.supervisor().restarts], ['running', 2, 2, []]);
    tree.ask('supervisor.stop');
    tree.command({ type: 'supervisor.remove' });
    assert.deepEqual(tree.addresses, []);
  });
});

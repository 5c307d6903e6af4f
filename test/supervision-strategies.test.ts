/**
 * OTP's supervisor_SUITE, its cases about strategies, exit kinds and trees, under their own names. Left out, with the
 * cases that supervision-start.test.ts names: child_unlink as it stands (there are no links to undo: its point, that a
 * child which does not answer cannot hang its supervisor, is told with a child that ignores its stop).
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SupervisionWorld } from '../fixtures/runtime/supervision-world.js';
import type { Strategy } from '../runtime/supervision/spec.js';

const A = 'worker/root.a';
const B = 'worker/root.b';
const C = 'worker/root.c';
const worker = (id: string, more: object = {}) => ({ id, kind: 'worker', ...more });
const three = [worker('a'), worker('b'), worker('c')];

/** Two restarts within an hour, as most cases of the suite have it. */
const world = (strategy: Strategy, children: readonly object[] = three, flags: object = {}): SupervisionWorld => {
  const made = new SupervisionWorld();
  made.root({ flags: { strategy, intensity: 2, periodMs: 3_600_000, ...flags }, children: children as never });
  made.taken();
  return made;
};
const crash = (each: SupervisionWorld, ...addresses: readonly `worker/${string}`[]): void =>
  addresses.forEach((address) => each.send(address, { type: 'crash' }));
const broken = (spec: object): object => ({ ...spec, input: { fail: true } });
describe('supervisor_SUITE: strategies', () => {
  it('one_for_one: only the one that died begins anew; the third crash is one too many', () => {
    const tree = world('one_for_one');
    crash(tree, A, B);
    assert.deepEqual(tree.taken(), [`exit ${A} 1 error`, `begin ${A} 2`, `exit ${B} 1 error`, `begin ${B} 2`]);
    crash(tree, A);
    assert.deepEqual(tree.taken(), [
      `exit ${A} 2 error`, `exit ${C} 1 shutdown`, `exit ${B} 2 shutdown`,
    ]);
    assert.equal(tree.supervisor().end?.reason, 'shutdown');
    assert.match(tree.supervisor().end!.detail, /more than 2 restarts in 3600000 ms; last: a error: Error: crashed/);
  });

  it('one_for_one_escalation: a restart that keeps failing takes the supervisor and the siblings with it', () => {
    const tree = world('one_for_one');
    tree.ask('supervisor.change', { children: [broken(worker('a'))] });
    crash(tree, A);
    tree.pass(10);
    assert.equal(tree.phase(), 'ended');
    assert.deepEqual(tree.taken(), [`exit ${A} 1 error`, `exit ${C} 1 shutdown`, `exit ${B} 1 shutdown`]);
    assert.equal(tree.supervisor().restarts.length, 3);
  });

  it('one_for_all: all are replaced, and one incident counts once', () => {
    const tree = world('one_for_all');
    crash(tree, B);
    assert.deepEqual(tree.taken(), [
      `exit ${B} 1 error`, `exit ${C} 1 shutdown`, `exit ${A} 1 shutdown`,
      `begin ${A} 2`, `begin ${B} 2`, `begin ${C} 2`,
    ]);
    assert.equal(tree.supervisor().restarts.length, 1);
    crash(tree, A);
    assert.equal(tree.phase(), 'running');
    crash(tree, A);
    assert.equal(tree.phase(), 'ended');
  });

  it('one_for_all_escalation: the same when a restart keeps failing', () => {
    const tree = world('one_for_all');
    tree.ask('supervisor.change', { children: [broken(worker('a'))] });
    crash(tree, B);
    tree.pass(10);
    assert.equal(tree.phase(), 'ended');
    assert.ok([A, B, C].every((address) => !tree.alive(address as never)));
  });

  it('one_for_all_other_child_fails_restart: one that was restarted already is stopped again, all are retried', () => {
    const tree = world('one_for_all', three, { intensity: 4 });
    tree.ask('supervisor.change', { children: [worker('a'), broken(worker('b')), worker('c')] });
    crash(tree, C);
    assert.deepEqual(tree.statuses(), { a: 'running', b: 'restarting', c: 'stopped' });
    tree.taken();
    tree.ask('supervisor.change', { children: three });
    tree.pass(10);
    assert.deepEqual(tree.taken(), [`exit ${A} 2 shutdown`, `begin ${A} 3`, `begin ${B} 2`, `begin ${C} 2`]);
    assert.equal(tree.supervisor().restarts.length, 2);
  });

  it('simple_one_for_one: dynamic children, each restarted alone', () => {
    const tree = world('simple_one_for_one', [worker('w')]);
    tree.ask('supervisor.child.start');
    tree.ask('supervisor.child.start');
    crash(tree, 'worker/root.1');
    assert.deepEqual(tree.taken().slice(2), ['exit worker/root.1 1 error', 'begin worker/root.1 2']);
    crash(tree, 'worker/root.1', 'worker/root.2');
    assert.equal(tree.phase(), 'ended');
    assert.deepEqual(tree.addresses, ['supervisor/root']);
  });

  it('simple_one_for_one_shutdown: all stop together; slow ones cost one deadline, not its sum', () => {
    const tree = world('simple_one_for_one', [worker('w', { shutdown: 2000 })]);
    for (let count = 0; count < 20; count += 1) {
      tree.ask('supervisor.child.start', { input: { linger: count % 2 === 0 } });
    }
    const began = tree.nowMs;
    tree.command({ type: 'supervisor.stop' });
    tree.pass(2000);
    assert.equal(tree.phase(), 'ended');
    assert.equal(tree.nowMs - began, 2000);
    assert.equal(tree.taken().filter((line) => line.endsWith('killed')).length, 10);
  });

  it('simple_one_for_one_extra: what a child says when it is ready is in the answer to its start', () => {
    const tree = world('simple_one_for_one', [worker('w', { ready: 'reported' })]);
    assert.deepEqual(tree.ask('supervisor.child.start', { input: { ready: { port: 7 } } }),
      { ok: { address: 'worker/root.1', info: { port: 7 } } });
    crash(tree, 'worker/root.1');
    assert.deepEqual(tree.statuses(), { 'worker/root.1': 'running' });
  });

  it('simple_one_for_one_escalation', () => {
    const tree = world('simple_one_for_one', [worker('w')]);
    for (const _each of [1, 2, 3]) tree.ask('supervisor.child.start');
    tree.ask('supervisor.change', { children: [broken(worker('w'))] });
    crash(tree, 'worker/root.2');
    tree.pass(10);
    assert.equal(tree.phase(), 'ended');
    assert.deepEqual(tree.addresses, ['supervisor/root']);
  });

  it('simple_one_for_one_corruption: the arguments of a temporary child that died are nobody else\'s', () => {
    const tree = world('simple_one_for_one', [worker('w', { restart: 'temporary' })]);
    tree.ask('supervisor.child.start', { input: { tag: 'one' } });
    crash(tree, 'worker/root.1');
    tree.ask('supervisor.child.start');
    assert.equal(tree.record('worker/root.2').snapshot.context['tag'], '');
    assert.deepEqual(tree.counts(), [1, 1, 0, 1]);
  });

  it('simple_one_for_one_restart_ignore: a restart that is ignored removes the child', () => {
    const tree = world('simple_one_for_one', [worker('w')]);
    tree.ask('supervisor.child.start');
    tree.ask('supervisor.child.start');
    tree.ask('supervisor.change', { children: [worker('w', { input: { ignore: true } })] });
    crash(tree, 'worker/root.1');
    assert.deepEqual(tree.statuses(), { 'worker/root.2': 'running' });
    assert.equal(tree.exists('worker/root.1'), false);
  });

  it('rest_for_one: only later siblings go along', () => {
    const tree = world('rest_for_one');
    crash(tree, B);
    assert.deepEqual(tree.taken(), [`exit ${B} 1 error`, `exit ${C} 1 shutdown`, `begin ${B} 2`, `begin ${C} 2`]);
    assert.equal(tree.lifeOf(A), 1);
    crash(tree, C);
    assert.deepEqual(tree.taken(), [`exit ${C} 2 error`, `begin ${C} 3`]);
    crash(tree, A);
    assert.equal(tree.phase(), 'ended');
  });

  it('rest_for_one_escalation', () => {
    const tree = world('rest_for_one');
    tree.ask('supervisor.change', { children: [worker('a'), broken(worker('b'))] });
    crash(tree, B);
    tree.pass(10);
    assert.equal(tree.phase(), 'ended');
  });

  it('rest_for_one_other_child_fails_restart: what was restarted before the one that failed is left alone', () => {
    const tree = world('rest_for_one', three, { intensity: 4 });
    tree.ask('supervisor.change', { children: [worker('a'), worker('b'), broken(worker('c'))] });
    crash(tree, A);
    assert.deepEqual(tree.statuses(), { a: 'running', b: 'running', c: 'restarting' });
    tree.taken();
    tree.ask('supervisor.change', { children: three });
    tree.pass(10);
    assert.deepEqual(tree.taken(), [`begin ${C} 2`]);
    assert.deepEqual([tree.lifeOf(A), tree.lifeOf(B)], [2, 2]);
  });
});

describe('supervisor_SUITE: exit kinds', () => {
  const end = (restart: string, reason: string): SupervisionWorld => {
    const tree = world('one_for_one', [worker('a', { restart }), worker('b')]);
    tree.send(A, { type: 'end', reason, detail: 'why' });
    return tree;
  };
  const cases: readonly [string, string, string, 'begun' | 'rests' | 'forgotten'][] = [
    ['permanent_normal', 'permanent', 'normal', 'begun'],
    ['transient_normal', 'transient', 'normal', 'rests'],
    ['temporary_normal', 'temporary', 'normal', 'forgotten'],
    ['permanent_shutdown', 'permanent', 'shutdown', 'begun'],
    ['transient_shutdown', 'transient', 'shutdown', 'rests'],
    ['temporary_shutdown', 'temporary', 'shutdown', 'forgotten'],
    ['permanent_abnormal', 'permanent', 'error', 'begun'],
    ['transient_abnormal', 'transient', 'error', 'begun'],
    ['temporary_abnormal', 'temporary', 'error', 'forgotten'],
  ];
  for (const [name, restart, reason, fate] of cases) {
    it(`${name}: ${fate}`, () => {
      const tree = end(restart, reason);
      const first = `exit ${A} 1 ${reason}`;
      const expected = {
        begun: [[first, `begin ${A} 2`], { a: 'running', b: 'running' }, [2, 2, 0, 2], 1],
        rests: [[first], { a: 'stopped', b: 'running' }, [2, 1, 0, 2], 0],
        forgotten: [[first, `gone ${A}`], { b: 'running' }, [1, 1, 0, 1], 0],
      }[fate];
      assert.deepEqual([tree.taken(), tree.statuses(), tree.counts(), tree.supervisor().restarts.length], expected);
    });
  }

  it('a step that throws is an exit with its causes; its letter is dead, those behind wait for the next life', () => {
    const tree = world('one_for_one', [worker('a')]);
    tree.ask('supervisor.child.terminate', { child: 'a' });
    tree.send(A, { type: 'work' });
    tree.send(A, { type: 'crash', why: 'bad luck' });
    tree.send(A, { type: 'work' });
    assert.equal(tree.waiting(A), 3);
    tree.ask('supervisor.child.restart', { child: 'a' });
    assert.deepEqual(tree.taken(), [`exit ${A} 1 shutdown`, `begin ${A} 2`, `exit ${A} 2 error`, `begin ${A} 3`]);
    assert.equal(tree.record(A).counts.dead, 1);
    assert.equal(tree.record(A).snapshot.context['steps'], 1);
    assert.match(tree.supervisor().reports.at(-1)!.reason, /Error: bad luck/);
  });

  it('a child that is kept goes on from where it stood before the letter that ended its life', () => {
    const tree = world('one_for_one', [worker('a', { keep: true })]);
    tree.send(A, { type: 'work' });
    crash(tree, A);
    tree.send(A, { type: 'work' });
    assert.deepEqual([tree.lifeOf(A), tree.record(A).snapshot.context['steps']], [2, 2]);
  });

  it('a child that removes itself has exited normally; its next life is another actor', () => {
    const tree = world('one_for_one', [worker('a'), worker('b', { restart: 'transient' })]);
    tree.send(A, { type: 'remove' });
    tree.send(B, { type: 'remove' });
    assert.deepEqual(tree.taken(), [`gone ${A}`, `start ${A} 1`, `gone ${B}`]);
    assert.deepEqual(tree.statuses(), { a: 'running', b: 'stopped' });
  });

  it('faulty_application_shutdown: the cause of a nested failure to start reaches the top', () => {
    const tree = world('one_for_one', [{ id: 's', kind: 'supervisor', input: { children: [
      { id: 't', kind: 'supervisor', input: { children: [broken(worker('w'))] } },
    ] } }]);
    assert.equal(tree.phase(), 'ended');
    assert.equal(tree.supervisor().end!.detail, 'failed to start child s: shutdown: failed to start child t: '
      + 'shutdown: failed to start child w: this one does not start');
  });
});

describe('supervisor_SUITE: trees', () => {
  it('child_unlink: a child that answers nothing cannot hang its supervisor', () => {
    const tree = world('one_for_one', [worker('a', { shutdown: 100, input: { linger: true } })]);
    const answer = tree.command({ type: 'supervisor.child.terminate', child: 'a' });
    assert.deepEqual(tree.counts(), [1, 1, 0, 1]);
    tree.pass(100);
    assert.deepEqual([answer(), tree.statuses()], [{ ok: null }, { a: 'stopped' }]);
  });

  it('tree: a leaf\'s crash is local; an escalation rebuilds the subtree without what was added to it', () => {
    const flags = { strategy: 'one_for_one', intensity: 1, periodMs: 3_600_000 };
    const below = (id: string, restart: string) => ({ id, kind: 'supervisor', restart, input: {
      flags, children: [worker('x')],
    } });
    const tree = world('one_for_one', [below('p', 'permanent'), below('t', 'transient')], { intensity: 4 });
    const X = 'worker/root.p.x';
    tree.ask('supervisor.child.start', { spec: worker('y') }, 'supervisor/root.p');
    tree.taken();
    crash(tree, X);
    assert.deepEqual(tree.taken(), [`exit ${X} 1 error`, `begin ${X} 2`]);
    crash(tree, X);
    assert.deepEqual(tree.taken(), [
      `exit ${X} 2 error`, 'exit worker/root.p.y 1 shutdown', 'gone worker/root.p.y',
      'exit supervisor/root.p 1 shutdown', 'begin supervisor/root.p 2', `begin ${X} 3`,
    ].sort((a, b) => order(a) - order(b)));
    assert.deepEqual(tree.counts(), [2, 2, 2, 0]);
    assert.deepEqual(tree.children('supervisor/root.p').map(({ id }) => id), ['x']);
    // Its history of restarts is as new as it is.
    assert.deepEqual(tree.supervisor('supervisor/root.p').restarts, []);
    tree.ask('supervisor.stop', {}, 'supervisor/root.t');
    assert.deepEqual(tree.statuses(), { p: 'running', t: 'stopped' });
    tree.ask('supervisor.child.restart', { child: 't' });
    assert.deepEqual([tree.statuses(), tree.lifeOf('worker/root.t.x')], [{ p: 'running', t: 'running' }, 2]);
  });

  it('a supervisor that is killed takes its whole tree with it, and is exited when the last one is', () => {
    const tree = world('one_for_one', [{ id: 's', kind: 'supervisor', shutdown: 'brutal_kill', input: { children: [
      worker('x', { shutdown: 'infinity', input: { linger: true } }), worker('y'),
    ] } }]);
    tree.ask('supervisor.child.terminate', { child: 's' });
    assert.deepEqual(tree.taken(), [
      'exit worker/root.s.x 1 killed', 'exit worker/root.s.y 1 killed', 'exit supervisor/root.s 1 killed',
    ]);
    tree.ask('supervisor.child.delete', { child: 's' });
    assert.deepEqual(tree.addresses, ['supervisor/root']);
  });
});

/** Lines of two actors' mailboxes have no order among each other: the removal may come a turn later. */
function order(line: string): number {
  return ['exit worker/root.p.x', 'exit worker/root.p.y', 'exit supervisor', 'gone', 'begin supervisor', 'begin worker']
    .findIndex((start) => line.startsWith(start));
}

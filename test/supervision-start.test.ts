/**
 * OTP's supervisor_SUITE, its cases about starting, specs and stopping, under their own names; on the shipped step,
 * with time and mailboxes in memory. "Process" is "actor" here, and `undefined` is `stopped`.
 * Left out: auto_hibernate, external_start_no_progress_log, get_callback_module (of Erlang's processes, logger and
 * modules), format_log_1 and format_log_2 (of its logger).
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SupervisionWorld } from '../fixtures/runtime/supervision-world.js';
import { checkFlags, checkSpec, checkSpecs, SpecError } from '../runtime/supervision/spec.js';

const A = 'worker/root.a';
const B = 'worker/root.b';
const C = 'worker/root.c';
const DYNAMIC = { strategy: 'simple_one_for_one', intensity: 3, periodMs: 60_000 } as const;
const worker = (id: string, more: object = {}) => ({ id, kind: 'worker', ...more });

const inWorld = (input: Parameters<SupervisionWorld['root']>[0]): SupervisionWorld => {
  const world = new SupervisionWorld();
  world.root(input);
  return world;
};

describe('supervisor_SUITE: start', () => {
  it('sup_start_normal: starts with no children, and ends when it is told to', () => {
    const world = inWorld({});
    assert.equal(world.phase(), 'running');
    assert.deepEqual(world.ask('supervisor.stop'), { ok: null });
    assert.equal(world.phase(), 'ended');
    assert.deepEqual(world.supervisor().end, { reason: 'normal', detail: '' });
  });

  it('sup_start_ignore_init: a supervisor whose start is ignored is no child and no failure', () => {
    const world = inWorld({ children: [worker('a', { input: { ignore: true } })] });
    assert.equal(world.phase(), 'running');
    assert.equal(world.exists(A), false);
  });

  it('sup_start_ignore_child: an ignored child keeps its spec, is listed as stopped and is not active', () => {
    const world = inWorld({});
    assert.deepEqual(world.ask('supervisor.child.start', { spec: worker('a', { input: { ignore: true } }) }),
      { ok: { address: null, info: null } });
    world.ask('supervisor.child.start', { spec: worker('b') });
    assert.deepEqual(world.statuses(), { a: 'stopped', b: 'running' });
    assert.deepEqual(world.counts(), [2, 1, 0, 2]);
  });

  it('sup_start_ignore_temporary_child: an ignored temporary child of the first start is forgotten', () => {
    const ignored = { input: { ignore: true }, restart: 'temporary' } as const;
    const world = inWorld({ children: [worker('a', ignored), worker('b')] });
    assert.deepEqual(world.statuses(), { b: 'running' });
    assert.deepEqual(world.counts(), [1, 1, 0, 1]);
  });

  it('sup_start_ignore_temporary_child_start_child: the same for one that is added', () => {
    const world = inWorld({});
    world.ask('supervisor.child.start', { spec: worker('a', { input: { ignore: true }, restart: 'temporary' }) });
    world.ask('supervisor.child.start', { spec: worker('b') });
    assert.deepEqual(world.statuses(), { b: 'running' });
  });

  it('sup_start_ignore_temporary_child_start_child_simple: and for a dynamic one', () => {
    const world = inWorld({ flags: DYNAMIC, children: [worker('a', { restart: 'temporary' })] });
    assert.deepEqual(world.ask('supervisor.child.start', { input: { ignore: true } }),
      { ok: { address: null, info: null } });
    assert.deepEqual(world.counts(), [1, 0, 0, 0]);
  });

  it('sup_start_ignore_permanent_child_start_child_simple: even a permanent one is not kept; the stop is clean', () => {
    const world = inWorld({ flags: DYNAMIC, children: [worker('a')] });
    world.ask('supervisor.child.start', { input: { ignore: true } });
    assert.deepEqual(world.children(), []);
    assert.deepEqual(world.ask('supervisor.stop'), { ok: null });
    assert.deepEqual(world.taken(), []);
  });

  it('sup_start_error_return: flags or children of no sense are an error that names the field', () => {
    assert.throws(() => inWorld({ flags: { strategy: 'one_for_some' as never } }), /invalid strategy "one_for_some"/);
    assert.throws(() => inWorld({ children: 'none' as never }), /invalid children "none": a list/);
  });

  it('sup_start_fail: a child supervisor whose init throws is a failed start with its reason; nothing is left', () => {
    const world = inWorld({});
    const answer = world.ask('supervisor.child.start', {
      spec: { id: 's', kind: 'supervisor', input: { flags: { intensity: -1 } } },
    });
    assert.deepEqual(answer, {
      error: 'start_failed', detail: 'invalid intensity -1: a whole number, 0 to 1000',
    });
    assert.deepEqual([world.children(), world.addresses], [[], ['supervisor/root']]);
  });

  it('sup_start_child_returns_error: a start that fails leaves no spec', () => {
    const world = inWorld({});
    const answer = world.ask('supervisor.child.start', { spec: worker('a', { input: { fail: true } }) });
    assert.deepEqual(answer, { error: 'start_failed', detail: 'this one does not start' });
    assert.deepEqual(world.ask('supervisor.child.start', { spec: worker('b', { kind: 'unheard' }) }),
      { error: 'start_failed', detail: 'this daemon knows no machine of kind unheard' });
    assert.deepEqual(world.children(), []);
  });

  it('sup_start_restart_child_returns_error: a restart by hand that fails keeps the spec, without a life', () => {
    const world = inWorld({ children: [worker('a')] });
    world.ask('supervisor.child.terminate', { child: 'a' });
    world.ask('supervisor.change', { children: [worker('a', { input: { fail: true } })] });
    assert.deepEqual(world.ask('supervisor.child.restart', { child: 'a' }),
      { error: 'start_failed', detail: 'this one does not start' });
    assert.deepEqual(world.statuses(), { a: 'stopped' });
  });

  it('sup_start_child_returns_error_simple: the same for a dynamic child', () => {
    const world = inWorld({ flags: DYNAMIC, children: [worker('a')] });
    assert.deepEqual(world.ask('supervisor.child.start', { input: { fail: true } }),
      { error: 'start_failed', detail: 'this one does not start' });
    assert.deepEqual(world.children(), []);
  });

  it('a child of the first start that fails ends the supervisor, after those before it were stopped', () => {
    const world = inWorld({ children: [worker('a'), worker('b'), worker('c', { input: { fail: true } })] });
    assert.equal(world.phase(), 'ended');
    assert.deepEqual(world.supervisor().end,
      { reason: 'shutdown', detail: 'failed to start child c: this one does not start' });
    assert.deepEqual(world.taken(), [
      `start ${A} 1`, `start ${B} 1`, `exit ${B} 1 shutdown`, `exit ${A} 1 shutdown`,
    ]);
  });
});

describe('supervisor_SUITE: specs as maps', () => {
  it('sup_start_map: defaults are permanent, 5,000 ms for workers, infinity for supervisors', () => {
    const world = inWorld({ children: [worker('a'), { id: 's', kind: 'supervisor', input: {} }] });
    const defaults = {
      address: null, node: null, restart: 'permanent', significant: false, keep: false, backoff: null,
      startDeadlineMs: 'infinity',
    };
    assert.deepEqual(world.ask('supervisor.child.get', { child: 'a' }), {
      ok: { ...defaults, id: 'a', kind: 'worker', input: null, shutdown: 5000, type: 'worker', ready: 'begun' },
    });
    assert.deepEqual(world.ask('supervisor.child.get', { child: 's' }), {
      ok: {
        ...defaults, id: 's', kind: 'supervisor', input: {}, shutdown: 'infinity', type: 'supervisor',
        ready: 'reported',
      },
    });
  });

  it('sup_start_map_simple: the template is readable by a child\'s address', () => {
    const world = inWorld({ flags: DYNAMIC, children: [worker('a', { shutdown: 'brutal_kill' })] });
    const { ok } = world.ask('supervisor.child.start');
    const { address } = ok as { address: string };
    const got = world.ask('supervisor.child.get', { child: address }).ok as { id: string; shutdown: string };
    assert.deepEqual([got.id, got.shutdown], ['a', 'brutal_kill']);
  });

  it('sup_start_map_faulty_specs: a missing id or kind is named, unknown fields are ignored, junk is refused', () => {
    const flags = checkFlags({});
    assert.throws(() => checkSpec({ kind: 'worker' }, flags), /invalid id undefined: missing/);
    assert.throws(() => checkSpec({ id: 'a' }, flags), /invalid kind undefined: missing/);
    assert.throws(() => checkSpecs(['a'], flags), /invalid child "a": an object/);
    assert.equal(checkSpec({ id: 'a', kind: 'worker', colour: 'red' }, flags).id, 'a');
    assert.equal(checkFlags({ colour: 'red' }).intensity, 1);
    assert.throws(() => checkSpec({}, flags), (error) => error instanceof SpecError && error.field === 'id');
  });
});

describe('supervisor_SUITE: stop', () => {
  it('sup_stop_infinity: a child without a deadline is waited for', () => {
    const world = inWorld({ children: [worker('a', { shutdown: 'infinity', input: { linger: true } })] });
    const answer = world.command({ type: 'supervisor.stop' });
    world.pass(10_000_000);
    assert.equal(world.phase(), 'stopping');
    assert.equal(answer(), undefined);
    world.send(A, { type: 'finish' });
    assert.equal(world.phase(), 'ended');
    assert.deepEqual(answer(), { ok: null });
  });

  it('sup_stop_timeout: what does not stop by its deadline is killed, the other ends cleanly', () => {
    const world = inWorld({
      children: [worker('a', { shutdown: 1000 }), worker('b', { shutdown: 1000, input: { linger: true } })],
    });
    world.taken();
    world.command({ type: 'supervisor.stop' });
    world.pass(999);
    assert.deepEqual(world.taken(), []);
    world.pass(1);
    assert.deepEqual(world.taken(), [`exit ${B} 1 killed`, `exit ${A} 1 shutdown`]);
    assert.equal(world.phase(), 'ended');
    assert.deepEqual(world.supervisor().reports.map(({ child, what, reason }) => [child, what, reason]),
      [['b', 'stopped', 'killed: ']]);
  });

  it('sup_stop_timeout_dynamic: the same for dynamic children, all under one deadline', () => {
    const world = inWorld({ flags: DYNAMIC, children: [worker('a', { shutdown: 1000 })] });
    for (const linger of [true, false, true, false]) world.ask('supervisor.child.start', { input: { linger } });
    world.taken();
    world.command({ type: 'supervisor.stop' });
    assert.deepEqual(world.taken(), [2, 4].flatMap((n) => [`exit worker/root.${n} 1 shutdown`])
      .concat([2, 4].map((n) => `gone worker/root.${n}`)));
    world.pass(1000);
    assert.deepEqual(world.taken().filter((line) => line.startsWith('exit')),
      ['exit worker/root.1 1 killed', 'exit worker/root.3 1 killed']);
    assert.equal(world.phase(), 'ended');
  });

  it('sup_stop_brutal_kill: killed at once, without being asked', () => {
    const world = inWorld({
      children: [worker('a'), worker('b', { shutdown: 'brutal_kill', input: { linger: true } })],
    });
    world.taken();
    world.ask('supervisor.stop');
    assert.deepEqual(world.taken(), [`exit ${B} 1 killed`, `exit ${A} 1 shutdown`]);
    assert.deepEqual(world.supervisor().reports, []);
  });

  it('sup_stop_brutal_kill_dynamic: ten children', () => {
    const world = inWorld({ flags: DYNAMIC, children: [worker('a', { shutdown: 'brutal_kill' })] });
    for (let count = 0; count < 10; count += 1) world.ask('supervisor.child.start', { input: { linger: true } });
    world.taken();
    world.ask('supervisor.stop');
    assert.equal(world.taken().filter((line) => line.endsWith('killed')).length, 10);
    assert.deepEqual(world.addresses, ['supervisor/root']);
  });

  it('sup_stop_race: children that exit by themselves meanwhile do not hold the shutdown up', () => {
    for (const restart of ['permanent', 'transient', 'temporary'] as const) {
      for (const reason of ['normal', 'shutdown', 'killed', 'error']) {
        const world = inWorld({
          children: [worker('a', { restart }), worker('b', { restart, shutdown: 1000, input: { linger: true } })],
        });
        world.post('supervisor/root', { type: 'supervisor.stop' });
        // Both are on their way before the supervisor has asked anything of them.
        world.post(A, { type: 'end', reason });
        world.post(B, { type: 'end', reason });
        world.run();
        assert.equal(world.phase(), 'ended', `${restart} ${reason}`);
        assert.deepEqual(world.supervisor().restarts, []);
        assert.ok(!world.taken().some((line) => line.startsWith('begin')));
      }
    }
  });

  it('sup_stop_non_shutdown_exit_dynamic: odd reasons while stopping are reported and do no harm', () => {
    const world = inWorld({ flags: DYNAMIC, children: [worker('a')] });
    for (const stopsWith of ['error', 'normal', 'error']) {
      world.ask('supervisor.child.start', { input: { stopsWith } });
    }
    world.ask('supervisor.stop');
    assert.equal(world.phase(), 'ended');
    assert.equal(world.supervisor().reports.filter(({ what }) => what === 'stopped').length, 2);
  });

  it('sup_stop_manual: an explicit stop is a normal exit, its children go by their own specs', () => {
    const world = inWorld({ children: [{ id: 's', kind: 'supervisor', restart: 'transient', input: {
      children: [worker('a', { shutdown: 'brutal_kill' }), worker('b')],
    } }] });
    world.taken();
    world.ask('supervisor.stop', {}, 'supervisor/root.s');
    assert.deepEqual(world.taken(), [
      'exit worker/root.s.b 1 shutdown', 'exit worker/root.s.a 1 killed', 'exit supervisor/root.s 1 normal',
    ]);
    assert.deepEqual(world.statuses(), { s: 'stopped' });
  });

  it('sup_stop_manual_timeout: who asked need not wait: the shutdown goes on to its end', () => {
    const world = inWorld({ children: [worker('a', { shutdown: 5000, input: { linger: true } }), worker('b')] });
    world.post('supervisor/root', { type: 'supervisor.stop' });
    world.run();
    assert.equal(world.phase(), 'stopping');
    assert.deepEqual(world.ask('supervisor.child.start', { spec: worker('c') }),
      { error: 'supervisor supervisor/root is stopping' });
    world.pass(5000);
    assert.equal(world.phase(), 'ended');
    assert.equal(world.exists(C), false);
  });
});

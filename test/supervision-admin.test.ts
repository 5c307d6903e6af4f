/**
 * OTP's supervisor_SUITE, its cases about administration, counting and listing, under their own names.
 * "By pid" is by address here.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SupervisionWorld } from '../fixtures/runtime/supervision-world.js';
import type { Address } from '../runtime/address.js';
import { checkFlags, checkSpec, checkSpecs } from '../runtime/supervision/spec.js';

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
/** Starts dynamic children, as many in one commit as one commit takes. */
const fill = (tree: SupervisionWorld, count: number, to: Address = 'supervisor/root'): void => {
  for (let made = 0; made < count; made += 1) tree.post(to, { type: 'supervisor.child.start' });
  tree.run();
};
const error = (text: string, detail?: unknown) => detail === undefined ? { error: text } : { error: text, detail };
const OK = { ok: null };

describe('supervisor_SUITE: administration', () => {
  it('child_adm: start, terminate, restart, delete, list and count, with every answer', () => {
    const tree = world([]);
    assert.deepEqual(tree.ask('supervisor.child.start', { spec: worker('a') }), { ok: { address: A, info: null } });
    assert.deepEqual(tree.ask('supervisor.child.start', { spec: worker('a') }), error('already_started', A));
    assert.deepEqual(tree.ask('supervisor.child.restart', { child: 'a' }), error('running'));
    assert.deepEqual(tree.ask('supervisor.child.delete', { child: 'a' }), error('running'));
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: A }), error('not_found'));
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: 'a' }), OK);
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: 'a' }), OK);
    assert.deepEqual(tree.ask('supervisor.child.start', { spec: worker('a') }), error('already_present', A));
    assert.deepEqual([tree.statuses(), tree.counts()], [{ a: 'stopped' }, [1, 0, 0, 1]]);
    assert.deepEqual(tree.ask('supervisor.child.restart', { child: 'a' }), { ok: { address: A, info: null } });
    assert.equal(tree.lifeOf(A), 2);
    tree.ask('supervisor.child.terminate', { child: 'a' });
    assert.deepEqual(tree.ask('supervisor.child.delete', { child: 'a' }), OK);
    assert.deepEqual(tree.ask('supervisor.child.delete', { child: 'a' }), error('not_found'));
    assert.deepEqual(tree.ask('supervisor.child.restart', { child: 'a' }), error('not_found'));
    assert.deepEqual(tree.ask('supervisor.child.get', { child: 'a' }), error('not_found'));
    assert.deepEqual([tree.children(), tree.exists(A)], [[], false]);
  });

  it('child_adm_simple: what names a child is refused, its address is taken', () => {
    const tree = simple();
    tree.ask('supervisor.child.start');
    for (const type of ['restart', 'delete', 'terminate']) {
      assert.deepEqual(tree.ask(`supervisor.child.${type}`, { child: 'w' }), error('simple_one_for_one'));
    }
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: 'worker/foreign' }), error('not_found'));
    assert.deepEqual(tree.ask('supervisor.child.terminate', { child: 'worker/root.1' }), OK);
    assert.deepEqual(tree.counts(), [1, 0, 0, 0]);
  });

  it('extra_return: a child\'s info is in the answer, and a restart does without anybody who asks', () => {
    const spec = worker('a', { ready: 'reported', input: { ready: 'extra' } });
    const tree = world([]);
    assert.deepEqual(tree.ask('supervisor.child.start', { spec }), { ok: { address: A, info: 'extra' } });
    tree.send(A, { type: 'crash' });
    assert.deepEqual(tree.statuses(), { a: 'running' });
  });

  it('child_specs: each bad field is named; no two of one id; a template is exactly one', () => {
    const flags = checkFlags({});
    const bad: readonly [string, unknown][] = [
      ['id', ''], ['id', 7], ['kind', 'a/b'], ['address', 'other/x'], ['node', 1], ['restart', 'prmanent'],
      ['shutdown', -1], ['shutdown', 1.5], ['shutdown', 'soon'], ['type', 'wrker'], ['significant', 1],
      ['ready', true], ['keep', 0], ['startDeadlineMs', 'never'], ['backoff', 5],
    ];
    for (const [field, value] of bad) {
      assert.throws(() => checkSpec(worker('a', { [field]: value }), flags), { name: 'SpecError', field });
    }
    const backoffs: readonly [string, object][] = [
      ['backoff.minMs', { maxMs: 1 }], ['backoff.maxMs', { minMs: 2, maxMs: 1 }],
      ['backoff.factor', { minMs: 1, maxMs: 2, factor: 0 }], ['backoff.jitter', { minMs: 1, maxMs: 2, jitter: 2 }],
    ];
    for (const [field, backoff] of backoffs) {
      assert.throws(() => checkSpec(worker('a', { backoff }), flags), { name: 'SpecError', field });
    }
    assert.throws(() => checkSpecs([worker('a'), worker('b'), worker('a')], flags), /duplicate child id "a"/);
    const dynamic = checkFlags({ strategy: 'simple_one_for_one' });
    assert.throws(() => checkSpecs([], dynamic), /exactly one child spec, not 0/);
    assert.throws(() => checkSpecs([worker('a'), worker('b')], dynamic), /exactly one child spec, not 2/);
    assert.deepEqual(world([]).ask('supervisor.child.start', { spec: worker('a', { restart: 'often' }) }),
      error('invalid', 'invalid restart "often": one of permanent, transient, temporary'));
  });

  it('child_specs_map: every combination; significant only if not permanent, and with auto-shutdown on', () => {
    for (const restart of ['permanent', 'transient', 'temporary']) {
      for (const shutdown of ['brutal_kill', 0, 5000, 'infinity']) {
        for (const type of ['worker', 'supervisor']) {
          for (const significant of [true, false]) {
            for (const autoShutdown of ['never', 'any_significant', 'all_significant']) {
              const spec = worker('a', { restart, shutdown, type, significant });
              const check = () => checkSpec(spec, checkFlags({ autoShutdown }));
              if (significant && (restart === 'permanent' || autoShutdown === 'never')) {
                assert.throws(check, { name: 'SpecError', field: 'significant' });
              } else assert.equal(check().restart, restart);
            }
          }
        }
      }
    }
  });

  it('sup_flags: bad ones are named, unknown ones ignored', () => {
    const bad: readonly [string, unknown][] = [
      ['strategy', 'none'], ['intensity', -1], ['intensity', 1.5], ['intensity', 'one'], ['periodMs', 0],
      ['periodMs', '5'], ['autoShutdown', 'sometimes'],
    ];
    for (const [field, value] of bad) {
      assert.throws(() => checkFlags({ [field]: value }), { name: 'SpecError', field });
    }
    assert.throws(() => checkFlags('one_for_one'), { name: 'SpecError', field: 'flags' });
    assert.deepEqual(checkFlags({ unknown: 1 }),
      { strategy: 'one_for_one', intensity: 1, periodMs: 5000, autoShutdown: 'never' });
  });

  it('multiple_restarts: restarts wider apart than the period never trip it', () => {
    const tree = world([worker('a')], { intensity: 1, periodMs: 1000 });
    for (let count = 0; count < 20; count += 1) {
      tree.send(A, { type: 'crash' });
      tree.pass(1001);
    }
    assert.deepEqual([tree.phase(), tree.lifeOf(A), tree.supervisor().restarts.length], ['running', 21, 1]);
    tree.send(A, { type: 'crash' });
    tree.pass(1000);
    tree.send(A, { type: 'crash' });
    assert.equal(tree.phase(), 'ended');
  });

  it('an actor asks by a letter and is answered by one', () => {
    const tree = world([worker('a'), worker('b')]);
    tree.send('supervisor/root', {
      type: 'supervisor.child.terminate', child: 'a', replyTo: { address: B, requestId: 'r1' },
    }, B);
    assert.deepEqual(tree.record('supervisor/root').tail.at(-1)!.sent, [{ to: B, type: 'supervisor.answer' }]);
  });
});

describe('supervisor_SUITE: counting and listing', () => {
  it('count_children: one of many dynamic children more or less', () => {
    const tree = simple({ restart: 'temporary' });
    fill(tree, 1000);
    assert.deepEqual(tree.counts(), [1, 1000, 0, 1000]);
    tree.ask('supervisor.child.terminate', { child: 'worker/root.7' });
    assert.deepEqual(tree.counts(), [1, 999, 0, 999]);
    fill(tree, 1001);
    assert.deepEqual(tree.ask('supervisor.children.count'),
      { ok: { specs: 1, active: 2000, supervisors: 0, workers: 2000 } });
    assert.deepEqual(tree.ask('supervisor.child.start'), error('too_many', 'at most 2000 dynamic children'));
  });

  it('count_children_supervisor: specs that are supervisors are counted as such, running or not', () => {
    const tree = world([{ id: 's', kind: 'supervisor', input: {} }, worker('a', { type: 'supervisor' }), worker('b')]);
    assert.deepEqual(tree.counts(), [3, 3, 2, 1]);
    tree.ask('supervisor.child.terminate', { child: 's' });
    assert.deepEqual(tree.counts(), [3, 2, 2, 1]);
  });

  it('count_restarting_children: those that wait for their next try have a spec and are not active', () => {
    const tree = simple({ backoff: { minMs: 1000, maxMs: 1000 } }, { intensity: 10 });
    for (const _each of [1, 2, 3]) tree.ask('supervisor.child.start');
    tree.send('worker/root.1', { type: 'crash' });
    tree.send('worker/root.2', { type: 'crash' });
    assert.deepEqual(tree.counts(), [1, 1, 0, 3]);
    tree.ask('supervisor.child.terminate', { child: 'worker/root.1' });
    assert.deepEqual(tree.counts(), [1, 1, 0, 2]);
    tree.pass(1000);
    assert.deepEqual(tree.counts(), [1, 2, 0, 2]);
  });

  it('which_children, which_child: id, address, status and type, in order', () => {
    const tree = world([worker('b'), { id: 's', kind: 'supervisor', input: {} }, worker('a')]);
    assert.deepEqual(tree.ask('supervisor.children.list').ok, [
      { id: 'b', address: B, status: 'running', type: 'worker', life: 1 },
      { id: 's', address: 'supervisor/root.s', status: 'running', type: 'supervisor', life: 1 },
      { id: 'a', address: A, status: 'running', type: 'worker', life: 1 },
    ]);
  });

  it('which_children_simple_one_for_one, which_child_simple_one_for_one', () => {
    const tree = simple();
    tree.ask('supervisor.child.start');
    assert.deepEqual(tree.ask('supervisor.children.list').ok, [
      { id: 'worker/root.1', address: 'worker/root.1', status: 'running', type: 'worker', life: 1 },
    ]);
    assert.deepEqual(tree.ask('supervisor.child.get', { child: 'worker/root.9' }), error('not_found'));
  });

  it('do_not_save_start_parameters_for_temporary_children', () => {
    const kept = (restart: string): boolean => {
      const tree = simple({ restart });
      tree.ask('supervisor.child.start', { input: { tag: 'a long argument' } });
      return JSON.stringify(tree.supervisor()).includes('a long argument');
    };
    assert.deepEqual(['permanent', 'transient', 'temporary'].map(kept), [true, true, false]);
  });

  it('do_not_save_child_specs_for_temporary_children: in no strategy, after no exit', () => {
    for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one']) {
      for (const reason of ['normal', 'shutdown', 'killed', 'error']) {
        const tree = world([worker('a'), worker('b', { restart: 'temporary' })], { strategy });
        tree.send(B, { type: 'end', reason });
        assert.deepEqual([tree.statuses(), tree.exists(B)], [{ a: 'running' }, false], `${strategy} ${reason}`);
      }
    }
  });

  it('simple_one_for_one_scale_many_temporary_children, scale_mass_exit_children: the cost of one stays', () => {
    const commits = (count: number): number => {
      const tree = simple({ restart: 'temporary' });
      fill(tree, count);
      for (let at = 1; at <= count; at += 1) tree.post(`worker/root.${at}`, { type: 'end', reason: 'normal' });
      tree.run();
      assert.deepEqual(tree.counts(), [1, 0, 0, 0]);
      return tree.commits / count;
    };
    const [few, many] = [commits(100), commits(1000)];
    assert.ok(many <= few * 1.1, `${many} commits a child, ${few} with a tenth of them`);
  });

  it('scale_start_stop_many_children: five thousand children of a tree, started and stopped', () => {
    const tree = world(Array.from({ length: 10 }, (_, index) => ({ id: `s${index}`, kind: 'supervisor', input: {
      flags: { strategy: 'simple_one_for_one' }, children: [worker('w')],
    } })));
    for (let index = 0; index < 10; index += 1) {
      fill(tree, 500, `supervisor/root.s${index}`);
    }
    assert.equal(tree.addresses.length, 5011);
    tree.ask('supervisor.stop');
    assert.deepEqual([tree.phase(), tree.addresses.length], ['ended', 11]);
  });
});

/** OTP's supervisor_SUITE, its cases about significant children and auto-shutdown, all under their own names. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SupervisionWorld } from '../fixtures/runtime/supervision-world.js';
import { checkFlags, type AutoShutdown } from '../runtime/supervision/spec.js';

const A = 'worker/root.a';
const B = 'worker/root.b';
const C = 'worker/root.c';
const MODES: readonly AutoShutdown[] = ['any_significant', 'all_significant'];
const worker = (id: string, more: object = {}) => ({ id, kind: 'worker', ...more });
const significant = (id: string, restart: string) => worker(id, { restart, significant: true });

const world = (autoShutdown: AutoShutdown, children: readonly object[], flags: object = {}): SupervisionWorld => {
  const made = new SupervisionWorld();
  made.root({ flags: { autoShutdown, intensity: 5, periodMs: 60_000, ...flags }, children: children as never });
  made.taken();
  return made;
};
const end = (tree: SupervisionWorld, address: `worker/${string}`, reason: string): void =>
  tree.send(address, { type: 'end', reason });

describe('supervisor_SUITE: significant children', () => {
  for (const restart of ['temporary', 'transient']) {
    it(`nonsignificant_${restart}: never ends its supervisor`, () => {
      for (const mode of MODES) {
        for (const reason of ['normal', 'shutdown', 'killed', 'error']) {
          const tree = world(mode, [worker('a', { restart }), significant('b', restart)]);
          end(tree, A, reason);
          assert.equal(tree.phase(), 'running', `${mode} ${reason}`);
        }
      }
    });
  }

  it('significant_temporary: any exit of its own counts; with all_significant the last one', () => {
    for (const reason of ['normal', 'shutdown', 'killed', 'error']) {
      const any = world('any_significant', [significant('a', 'temporary'), significant('b', 'temporary'), worker('c')]);
      end(any, A, reason);
      assert.equal(any.phase(), 'ended', reason);
      assert.deepEqual(any.supervisor().end, { reason: 'shutdown', detail: 'the significant child a has ended' });
      const all = world('all_significant', [significant('a', 'temporary'), significant('b', 'temporary'), worker('c')]);
      end(all, A, reason);
      assert.equal(all.phase(), 'running');
      end(all, B, reason);
      assert.equal(all.phase(), 'ended');
      assert.equal(all.alive(C), false);
    }
    const manual = world('any_significant', [significant('a', 'temporary')]);
    manual.ask('supervisor.child.terminate', { child: 'a' });
    assert.deepEqual([manual.phase(), manual.children()], ['running', []]);
  });

  it('significant_transient: only a clean exit counts, a crash restarts it', () => {
    for (const mode of MODES) {
      const tree = world(mode, [significant('a', 'transient'), worker('b')]);
      end(tree, A, 'error');
      end(tree, A, 'killed');
      assert.deepEqual([tree.phase(), tree.lifeOf(A)], ['running', 3]);
      tree.ask('supervisor.child.terminate', { child: 'a' });
      assert.equal(tree.phase(), 'running');
      tree.ask('supervisor.child.restart', { child: 'a' });
      end(tree, A, mode === 'any_significant' ? 'normal' : 'shutdown');
      assert.equal(tree.phase(), 'ended');
    }
  });

  it('significant_simple: no auto-shutdown for dynamic children', () => {
    for (const autoShutdown of MODES) {
      assert.throws(() => checkFlags({ strategy: 'simple_one_for_one', autoShutdown }),
        { name: 'SpecError', field: 'autoShutdown' });
    }
  });

  it('significant_bystander: what a sibling takes along has not ended of its own', () => {
    for (const strategy of ['one_for_all', 'rest_for_one']) {
      for (const restart of ['temporary', 'transient']) {
        for (const mode of MODES) {
          const tree = world(mode, [worker('a'), significant('b', restart)], { strategy });
          end(tree, A, 'error');
          assert.equal(tree.phase(), 'running', `${strategy} ${restart} ${mode}`);
          const left = restart === 'temporary' ? { a: 'running' } : { a: 'running', b: 'running' };
          assert.deepEqual(tree.statuses(), left);
        }
      }
    }
  });

  it('significant_escalation: an auto-shutdown goes up while each link is significant, and no further', () => {
    const link = (id: string, isSignificant: boolean, children: readonly object[]) => ({
      id, kind: 'supervisor', restart: 'transient', significant: isSignificant,
      input: { flags: { autoShutdown: 'any_significant' }, children },
    });
    const chain = (top: boolean): SupervisionWorld => world('any_significant', [
      link('b', top, [link('c', true, [significant('w', 'transient')])]), worker('x'),
    ]);
    const through = chain(true);
    end(through, 'worker/root.b.c.w', 'normal');
    assert.equal(through.phase(), 'ended');
    const held = chain(false);
    end(held, 'worker/root.b.c.w', 'normal');
    assert.deepEqual([held.phase(), held.statuses()], ['running', { b: 'stopped', x: 'running' }]);
  });

  const upgrade = (from: AutoShutdown, to: AutoShutdown): SupervisionWorld => {
    const children = ['a', 'b'].map((id) => from === 'never' ? worker(id, { restart: 'transient' })
      : significant(id, 'transient'));
    const tree = world(from, children);
    const given = from === 'never' ? { children: ['a', 'b'].map((id) => significant(id, 'transient')) } : {};
    assert.deepEqual(tree.ask('supervisor.change', { flags: { autoShutdown: to }, ...given }), { ok: null });
    return tree;
  };
  const cases: readonly [string, AutoShutdown, AutoShutdown, readonly string[]][] = [
    ['significant_upgrade_never_any', 'never', 'any_significant', ['ended']],
    ['significant_upgrade_any_never', 'any_significant', 'never', ['running', 'running']],
    ['significant_upgrade_never_all', 'never', 'all_significant', ['running', 'ended']],
    ['significant_upgrade_all_never', 'all_significant', 'never', ['running', 'running']],
    ['significant_upgrade_any_all', 'any_significant', 'all_significant', ['running', 'ended']],
    ['significant_upgrade_all_any', 'all_significant', 'any_significant', ['ended']],
  ];
  for (const [name, from, to, phases] of cases) {
    it(`${name}: the mode in force decides`, () => {
      const tree = upgrade(from, to);
      phases.forEach((phase, index) => {
        end(tree, [A, B][index] as typeof A, 'normal');
        assert.equal(tree.phase(), phase);
      });
    });
  }

  it('significant_upgrade_child: the flag can be set and taken live', () => {
    const tree = world('any_significant', [worker('a', { restart: 'transient' }), significant('b', 'transient')]);
    tree.ask('supervisor.change', { children: [significant('a', 'transient'), worker('b', { restart: 'transient' })] });
    end(tree, B, 'normal');
    assert.equal(tree.phase(), 'running');
    end(tree, A, 'normal');
    assert.equal(tree.phase(), 'ended');
  });
});

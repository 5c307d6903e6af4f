/** Supervision under random exits, commands and pauses: what must hold in every run. A failing seed is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SupervisionWorld } from '../fixtures/runtime/supervision-world.js';
import type { Address } from '../runtime/address.js';
import type { RestartKind, Strategy } from '../runtime/supervision/spec.js';
import { hashOf } from '../runtime/supervision/state.js';

const ROOT: Address = 'supervisor/root';
const IDS = ['a', 'b', 'c', 'd'];
const STRATEGIES: readonly Strategy[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'];
const RESTARTS: readonly RestartKind[] = ['permanent', 'transient', 'temporary'];
const RUNS = 150;
const ACTS = 40;

/** Draws from a list; the same for the same seed and call. */
class Chance {
  private calls = 0;
  constructor(private readonly seed: number) {}
  of<T>(list: readonly T[]): T {
    this.calls += 1;
    return list[(hashOf(`${this.seed}/${this.calls}/${this.seed}`) >>> 7) % list.length]!;
  }
}

class Run {
  readonly world = new SupervisionWorld();
  private readonly chance: Chance;
  private readonly strategy: Strategy;
  private readonly intensity: number;
  private readonly periodMs: number;
  private readonly restart = new Map<string, RestartKind>();
  /** When a failure made something begin anew. */
  private readonly incidents: number[] = [];

  constructor(seed: number) {
    this.chance = new Chance(seed);
    this.strategy = this.chance.of(STRATEGIES);
    this.intensity = this.chance.of([0, 1, 2, 3, 5]);
    this.periodMs = this.chance.of([100, 1000, 10_000]);
    const ids = this.dynamic ? ['w'] : IDS;
    const children = ids.map((id) => {
      const restart = this.chance.of(RESTARTS);
      this.restart.set(id, restart);
      return { id, kind: 'worker', restart };
    });
    const { strategy, intensity, periodMs } = this;
    this.world.root({ flags: { strategy, intensity, periodMs }, children });
    if (this.dynamic) for (const _each of IDS) this.world.ask('supervisor.child.start');
    this.world.taken();
  }

  play(): void {
    for (let act = 0; act < ACTS && this.world.phase() === 'running'; act += 1) this.act();
    if (this.world.phase() === 'running') {
      this.world.ask('supervisor.stop');
      this.stopped(this.world.taken());
    }
    assert.equal(this.world.phase(), 'ended');
    for (const address of this.world.addresses) assert.ok(address === ROOT || !this.world.alive(address), address);
    this.withinBudget();
  }

  private get dynamic(): boolean {
    return this.strategy === 'simple_one_for_one';
  }

  private kindOf(address: string): RestartKind {
    return this.restart.get(this.dynamic ? 'w' : address.split('.').at(-1)!)!;
  }

  private act(): void {
    const { world, chance } = this;
    const running = world.children().filter(({ status }) => status === 'running');
    const what = chance.of(['exit', 'exit', 'exit', 'pass', 'terminate', 'start']);
    if (what === 'pass') world.pass(chance.of([1, 50, 500, 5000]));
    else if (what === 'start' && this.dynamic) world.ask('supervisor.child.start');
    else if (what === 'terminate' && running.length > 0) {
      world.ask('supervisor.child.terminate', { child: chance.of(running).id });
    } else if (what === 'exit' && running.length > 0) return this.exit(chance.of(running).address);
    assert.ok(!world.taken().some((line) => line.startsWith('begin')), `${what} begins nothing anew`);
    this.consistent();
  }

  private exit(address: Address): void {
    const { world } = this;
    const reason = this.chance.of(['normal', 'shutdown', 'killed', 'error', 'crash']);
    const before = world.supervisor().order;
    world.send(address, reason === 'crash' ? { type: 'crash' } : { type: 'end', reason });
    const lines = world.taken();
    const begun = lines.filter((line) => line.startsWith('begin')).map((line) => line.split(' ')[1]!);
    const clean = reason === 'normal' || reason === 'shutdown';
    const kind = this.kindOf(address);
    const restarts = kind === 'permanent' || kind === 'transient' && !clean;
    if (!restarts) assert.deepEqual(begun, [], `${kind} ${reason}`);
    for (const each of begun) assert.notEqual(this.kindOf(each), 'temporary', 'a temporary child has one life');
    if (world.phase() === 'ended') {
      assert.ok(restarts);
      return this.stopped(lines.slice(1));
    }
    if (restarts) {
      this.incidents.push(world.nowMs);
      this.inOrder(address, begun, before);
    }
    this.consistent();
  }

  /** Who begins anew after a failure of `address`: it alone, all, or those from it on; in the order of their specs. */
  private inOrder(address: Address, begun: readonly string[], order: readonly string[]): void {
    if (this.strategy === 'one_for_one' || this.dynamic) return assert.deepEqual(begun, [address]);
    const from = this.strategy === 'one_for_all' ? 0 : order.indexOf(address.split('.').at(-1)!);
    const expected = order.slice(from).filter((id) => this.restart.get(id) !== 'temporary')
      .map((id) => `worker/root.${id}`);
    assert.deepEqual(begun, expected);
  }

  /** The last one first. Dynamic children have no order. */
  private stopped(lines: readonly string[]): void {
    if (this.dynamic) return;
    const exits = lines.filter((line) => line.startsWith('exit')).map((line) => line.split(' ')[1]!);
    assert.deepEqual(exits, [...exits].sort().reverse());
  }

  /** What the supervisor believes is so. */
  private consistent(): void {
    const { world } = this;
    for (const { address, status, life } of world.children()) {
      assert.ok(status === 'running' || status === 'stopped', `${address} is ${status} at rest`);
      assert.equal(world.exists(address) && world.alive(address), status === 'running', address);
      if (world.exists(address)) assert.equal(world.lifeOf(address), life, address);
    }
    assert.ok(world.supervisor().restarts.length <= this.intensity);
    assert.equal(world.supervisor().job, null);
  }

  /** In no period were there more restarts than the intensity. */
  private withinBudget(): void {
    for (const last of this.incidents) {
      const recent = this.incidents.filter((at) => at <= last && last - at <= this.periodMs);
      assert.ok(recent.length <= this.intensity, `${recent.length} restarts in ${this.periodMs} ms`);
    }
  }
}

describe('supervision, whatever happens', () => {
  it('keeps to the budget, the order, the restart kinds, and knows what lives', () => {
    let ended = 0;
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const run = new Run(seed);
      try {
        run.play();
      } catch (cause) {
        throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
      if (run.world.supervisor().end?.reason === 'shutdown') ended += 1;
    }
    assert.ok(ended > RUNS / 10 && ended < RUNS, `${ended} of ${RUNS} gave up`);
  });
});

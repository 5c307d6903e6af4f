/**
 * One of each strategy and exit kind on the real runtime (hosts, cells, sessions), the host of the supervisor and its
 * children killed after every commit there is: the end is the same, and so is the count of restarts.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ROOT, SupervisionCluster } from '../fixtures/runtime/supervision-cluster.js';
import type { Address } from '../runtime/address.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ActorRecord } from '../runtime/record.js';
import { contextOf } from '../runtime/supervision/behavior.js';
import { listChildren } from '../runtime/supervision/commands.js';
import type { SupervisorFlags } from '../runtime/supervision/spec.js';

const A: Address = 'worker/root.a';
const B: Address = 'worker/root.b';
const worker = (id: string, more: object = {}) => ({ id, kind: 'worker', ...more });
const end = (reason: string): ActorEvent => ({ type: 'end', reason });
const CRASH: ActorEvent = { type: 'crash' };

/** An event, and what the supervisor has to come to after it: `<phase> <child>:<status>@<life> ... |<restarts>`. */
type Act = readonly [Address, ActorEvent, string];
interface Story {
  readonly name: string;
  readonly flags?: Partial<SupervisorFlags>;
  readonly children: readonly object[];
  readonly acts: readonly Act[];
  /** How these have ended, or lived, in the end: `<address> <life> <exit reason or alive>`. */
  readonly finally?: readonly string[];
}

const two = [worker('a'), worker('b')];
const exitStory = (name: string, restart: string, reason: string, after: string): Story => (
  { name, children: [worker('a', { restart }), worker('b')], acts: [[A, end(reason), after]] });

const STORIES: readonly Story[] = [
  { name: 'one_for_one', children: two, acts: [
    [A, CRASH, 'running a:running@2 b:running@1 |1'], [B, CRASH, 'running a:running@2 b:running@2 |2'],
  ] },
  { name: 'one_for_all', flags: { strategy: 'one_for_all' }, children: [...two, worker('c')], acts: [
    [B, CRASH, 'running a:running@2 b:running@2 c:running@2 |1'],
  ] },
  { name: 'rest_for_one', flags: { strategy: 'rest_for_one' }, children: [...two, worker('c')], acts: [
    [B, CRASH, 'running a:running@1 b:running@2 c:running@2 |1'],
  ] },
  { name: 'simple_one_for_one', flags: { strategy: 'simple_one_for_one' }, children: [worker('w')], acts: [
    [ROOT, { type: 'supervisor.child.start', address: 'worker/one' }, 'running worker/one:running@1 |0'],
    ['worker/one', CRASH, 'running worker/one:running@2 |1'],
    [ROOT, { type: 'supervisor.child.terminate', child: 'worker/one' }, 'running |1'],
  ] },
  exitStory('permanent_normal', 'permanent', 'normal', 'running a:running@2 b:running@1 |1'),
  exitStory('transient_normal', 'transient', 'normal', 'running a:stopped@1 b:running@1 |0'),
  exitStory('temporary_normal', 'temporary', 'normal', 'running b:running@1 |0'),
  exitStory('permanent_shutdown', 'permanent', 'shutdown', 'running a:running@2 b:running@1 |1'),
  exitStory('transient_abnormal', 'transient', 'error', 'running a:running@2 b:running@1 |1'),
  exitStory('temporary_abnormal', 'temporary', 'killed', 'running b:running@1 |0'),
  { name: 'sup_stop_timeout', children: [worker('a', { shutdown: 40, input: { linger: true } }), worker('b')], acts: [
    [ROOT, { type: 'supervisor.stop' }, 'ended a:stopped@1 b:stopped@1 |0'],
  ], finally: [`${A} 1 killed`, `${B} 1 shutdown`] },
  { name: 'sup_stop_brutal_kill', children: [worker('a', { shutdown: 'brutal_kill' }), worker('b')], acts: [
    [ROOT, { type: 'supervisor.child.terminate', child: 'a' }, 'running a:stopped@1 b:running@1 |0'],
    [ROOT, { type: 'supervisor.child.restart', child: 'a' }, 'running a:running@2 b:running@1 |0'],
  ], finally: [`${A} 2 alive`] },
  { name: 'one_for_one_escalation', children: [{ id: 's', kind: 'supervisor', input: {
    flags: { intensity: 0 }, children: [worker('x'), worker('y')],
  } }], acts: [['worker/root.s.x', CRASH, 'running s:running@2 |1']], finally: [
    'worker/root.s.x 2 alive', 'worker/root.s.y 2 alive',
  ] },
  { name: 'significant_transient', flags: { autoShutdown: 'any_significant' }, children: [
    worker('a', { restart: 'transient', significant: true }), worker('b'),
  ], acts: [[A, end('normal'), 'ended a:stopped@1 b:stopped@1 |0']], finally: [`${A} 1 normal`, `${B} 1 shutdown`] },
  { name: 'hanging_restart_loop', children: [worker('a', { backoff: { minMs: 30, maxMs: 30 } })], acts: [
    [A, CRASH, 'running a:running@2 |1'],
  ] },
  { name: 'child_adm', children: [worker('a')], acts: [
    [ROOT, { type: 'supervisor.child.start', spec: worker('b') }, 'running a:running@1 b:running@1 |0'],
    [ROOT, { type: 'supervisor.child.terminate', child: 'a' }, 'running a:stopped@1 b:running@1 |0'],
    [ROOT, { type: 'supervisor.child.delete', child: 'a' }, 'running b:running@1 |0'],
    [ROOT, { type: 'supervisor.child.start', spec: worker('a') }, 'running b:running@1 a:running@1 |0'],
  ], finally: [`${A} 1 alive`] },
];

function summary(record: ActorRecord | null): string {
  if (record === null) return 'nothing';
  const context = contextOf(record.snapshot);
  const children = listChildren(context).map(({ id, status, life }) => `${id}:${status}@${life}`);
  return [String(record.snapshot.value), ...children, `|${context.restarts.length}`].join(' ');
}

const fate = (address: string, record: ActorRecord | null): string =>
  `${address} ${record?.life} ${record?.exit?.reason ?? 'alive'}`;

/** Plays a story to its end; answers with the number of commits it took. */
async function play(story: Story, killAt: readonly number[]): Promise<number> {
  const cluster = await SupervisionCluster.start({
    flags: { intensity: 3, periodMs: 3_600_000, ...story.flags }, children: story.children as never,
  }, killAt);
  try {
    await cluster.until(ROOT, (record) => record?.snapshot.value === 'running');
    let seen = '';
    for (const [to, event, after] of story.acts) {
      await cluster.until(to, (record) => record !== null);
      await cluster.send(to, event);
      await cluster.until(ROOT, (record) => (seen = summary(record)) === after)
        .catch((cause: unknown) => { throw new Error(`${seen} instead of ${after}`, { cause }); });
    }
    for (const line of story.finally ?? []) {
      const address = line.split(' ')[0] as Address;
      await cluster.until(address, (record) => (seen = fate(address, record)) === line)
        .catch((cause: unknown) => { throw new Error(`${seen} instead of ${line}`, { cause }); });
    }
    assert.ok(killAt.length === 0 || cluster.kills === killAt.length || cluster.commits < killAt[0]!);
    return cluster.commits;
  } finally {
    await cluster.stop();
  }
}

/** Trials under way at once. */
const AT_ONCE = 6;

describe('supervisor_SUITE on hosts that die', () => {
  for (const story of STORIES) {
    it(`${story.name}: the same end, whichever commit is the host's last`, async () => {
      const waiting = Array.from({ length: await play(story, []) }, (_, index) => index + 1);
      assert.ok(waiting.length >= 5);
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let commit = waiting.shift(); commit !== undefined; commit = waiting.shift()) {
          await play(story, [commit]).catch((cause: unknown) => {
            throw new Error(`killed at commit ${commit}: ${cause instanceof Error ? cause.message : cause}`, { cause });
          });
        }
      }));
    });
  }
});

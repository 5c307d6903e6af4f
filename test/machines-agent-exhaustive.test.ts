/** Every state of the shipped agent machine with up to three requests open, under every event, step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Move, type Step } from '../fixtures/machine-explorer.js';
import { unanswered } from '../fixtures/machine-tables.js';
import { agentMachine } from '../machines/agent/machine.js';
import type { AgentContext } from '../machines/agent/messages.js';
import { AGENT_EFFECT_NAMES } from '../machines/effects.js';
import { machineOf } from '../machines/registry.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ActorRecord } from '../runtime/record.js';

const OPEN_MAX = 3;
const RESULTS: Readonly<Record<string, unknown>> = {
  'bmc.read': { power: 'on' }, 'bmc.set': null, 'probe.signs': { answered: [] },
  'storage.fence': { osdmapEpoch: 7 }, 'hypervisor.observe': { state: 'paused' },
  'hypervisor.ensureAbsent': { state: 'absent' },
};
const ask = { replyTo: 'vm/u1', requestId: 'u1:7' };
const run = {
  params: { node: 'hv2', boot: { node: 'hv2', bootId: 'b2' }, power: 'off', deadlineMs: 1 }, replyTo: 'node/hv2',
  requestId: 'hv2:1',
};
const QUESTIONS: readonly ActorEvent[] = [
  { type: 'agent.ensure-absent', uuid: 'u1', ...ask }, { type: 'agent.observe', uuid: 'u1', ...ask },
  ...['bmc.read', 'bmc.set', 'probe.signs', 'storage.fence'].map((effect) => ({ type: 'agent.run', effect, ...run })),
];
const owner = (cause: string): ActorEvent => ({ type: 'owner.acquired', node: 'hv3', bootId: 'b3', epoch: 1, cause });

const contextOf = ({ snapshot }: ActorRecord): AgentContext => snapshot.context as unknown as AgentContext;

function moves(record: ActorRecord): Move[] {
  const told = [owner('restarted'), { type: 'agent.restarting', deadlineMs: 1 },
    { type: 'agent.restarting', deadlineMs: 1, goesDown: true }];
  const facts = contextOf(record).requests.length < OPEN_MAX ? [...told, ...QUESTIONS] : told;
  const kinds = [...new Set(record.effects.map(({ kind }) => kind))];
  return [
    ...facts.map((event): Move => ({
      name: `${event.type} ${String(event['effect'] ?? '')}`, run: (machine) => void machine.fact(event),
    })),
    ...kinds.flatMap((kind): Move[] => [
      { name: `${kind}.done`, run: (machine) => void machine.done(kind, RESULTS[kind]) },
      { name: `${kind}.refused`, run: (machine) => void machine.refused(kind) },
      { name: `${kind}.unknown`, run: (machine) => void machine.unknown(kind) },
    ]),
  ];
}

/** Nobody who asks is left without an answer, and nobody gets two. */
function check({ before, move, after, machine }: Step): void {
  const [was, is] = [contextOf(before).requests, contextOf(after).requests];
  assert.equal(after.effects.length, is.length, `${move.name}: an effect for each open request`);
  assert.deepEqual(unanswered(machineOf('agent')!, after), [], `${move.name}: answers without a transition`);
  const answers = machine.sent.filter(({ event }) => event['requestId'] !== undefined);
  const ended = was.filter(({ key }) => !is.some((each) => each.key === key));
  assert.deepEqual(answers.map(({ to, event }) => [to, event['requestId']]),
    ended.map(({ replyTo, requestId }) => [replyTo, requestId]), move.name);
  if (!move.name.endsWith('.done')) return;
  const isAbsence = answers[0]!.event.type === 'agent.absent';
  assert.equal(isAbsence, move.name === 'hypervisor.ensureAbsent.done', `${move.name}: absence, of nothing else`);
}

test('every state keeps its promises, and every transition is taken', (t) => {
  assert.deepEqual(Object.keys(RESULTS).sort(), [...AGENT_EFFECT_NAMES].sort());
  const machine = new DrivenMachine(machineOf('agent')!, 'hv3', { name: 'hv3' }).fact(owner('created'));
  const coverage = new Coverage(agentMachine);
  const { records, steps } = coverage.run('from its birth', machine, () => explore(machine, moves, check, 1000));
  t.diagnostic(`explored ${records.length} states, ${steps} steps; transitions ${coverage.table}`);
  assert.deepEqual(coverage.reached(records), allStates(agentMachine));
  assert.deepEqual(coverage.missing, [], 'transitions never taken');

  // From everywhere: once each effect is answered, nothing is open.
  for (const record of records) {
    machine.record = record;
    while (machine.pending.length > 0) machine.done(machine.pending[0]!.kind, RESULTS[machine.pending[0]!.kind]);
    assert.deepEqual(machine.context<AgentContext>().requests, []);
  }
});

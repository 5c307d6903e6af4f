/** The agent machine: several requests at once, bounded, each answered to who asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, allTransitions, DrivenMachine } from '../fixtures/machine-driver.js';
import { AGENT_LIMITS, AGENT_STATES, agentMachine } from '../machines/agent/machine.js';
import type { AgentContext } from '../machines/agent/messages.js';
import { machineOf } from '../machines/registry.js';

const newAgent = (): DrivenMachine =>
  new DrivenMachine(machineOf('agent')!, 'hv3', { name: 'hv3' }).fact({
    type: 'owner.acquired',
    node: 'hv3',
    bootId: 'b3',
    epoch: 1,
    cause: 'created',
  });
const ask = { replyTo: 'vm/u1', requestId: 'u1:7' };

test("absence is told with the node, its boot, and the asker's own request id", () => {
  const agent = newAgent().fact({ type: 'agent.ensure-absent', uuid: 'u1', ...ask });
  assert.equal(agent.effect('hypervisor.ensureAbsent').params['uuid'], 'u1');
  agent.done('hypervisor.ensureAbsent', { state: 'absent' });
  assert.deepEqual(
    agent.sent.map(({ to, event }) => ({ to, event })),
    [{ to: 'vm/u1', event: { type: 'agent.absent', requestId: 'u1:7', node: 'hv3', uuid: 'u1', bootId: 'b3' } }],
  );
});

test('a refusal and an unknown outcome are no absence', () => {
  for (const outcome of ['refused', 'unknown'] as const) {
    const agent = newAgent().fact({ type: 'agent.ensure-absent', uuid: 'u1', ...ask });
    agent[outcome]('hypervisor.ensureAbsent', 'the record names this node');
    assert.deepEqual(
      agent.sent.map((sent) => [sent.event.type, sent.event['reason']]),
      [['agent.failed', 'the record names this node']],
    );
  }
});

test('what is observed is told as it is', () => {
  const agent = newAgent()
    .fact({ type: 'agent.observe', uuid: 'u1', ...ask })
    .done('hypervisor.observe', { state: 'paused' });
  assert.deepEqual([agent.sent[0]?.event.type, agent.sent[0]?.event['state']], ['agent.observed', 'paused']);
});

test('effects for other actors: params go through, every outcome comes back', () => {
  for (const effect of ['bmc.read', 'bmc.set', 'probe.signs', 'storage.fence']) {
    for (const outcome of ['done', 'refused', 'unknown'] as const) {
      const agent = newAgent().fact({
        type: 'agent.run',
        effect,
        params: { node: 'hv2', boot: { node: 'hv2', bootId: 'b2' }, power: 'off', deadlineMs: 500 },
        replyTo: 'node/hv2',
        requestId: 'hv2:1',
      });
      const { node, boot } = agent.effect(effect).params as { node?: string; boot?: { node: string } };
      assert.equal(node ?? boot?.node, 'hv2');
      if (outcome === 'done') agent.done(effect, { power: 'off' });
      else agent[outcome](effect);
      assert.equal(agent.sent[0]?.to, 'node/hv2');
      assert.equal(agent.sent[0]?.event['outcome'], outcome);
      assert.equal(agent.context<AgentContext>().requests.length, 0);
    }
  }
});

test('a slow request blocks nobody, and their number is bounded', () => {
  const agent = newAgent();
  for (let index = 0; index < AGENT_LIMITS.requestsMax; index += 1) {
    agent.fact({ type: 'agent.observe', uuid: `u${index}`, replyTo: `vm/u${index}`, requestId: 'same' });
  }
  assert.equal(agent.pending.length, AGENT_LIMITS.requestsMax);
  agent.fact({ type: 'agent.observe', uuid: 'late', replyTo: 'vm/late', requestId: 'same' });
  assert.deepEqual(
    agent.sent.map((sent) => [sent.to, sent.event.type]),
    [['vm/late', 'agent.failed']],
  );
  agent.done('hypervisor.observe', { state: 'absent' });
  assert.equal(agent.sent[0]?.to, 'vm/u0', 'equal request ids do not mix up the askers');
});

test('every state is documented, every transition taken', () => {
  assert.deepEqual(Object.keys(AGENT_STATES), allStates(agentMachine));
  const agent = newAgent();
  const asked: Record<string, Record<string, unknown>> = {
    'bmc.read': { type: 'agent.run', effect: 'bmc.read', params: { node: 'hv2', deadlineMs: 1 } },
    'bmc.set': { type: 'agent.run', effect: 'bmc.set', params: { node: 'hv2', deadlineMs: 1 } },
    'probe.signs': { type: 'agent.run', effect: 'probe.signs', params: { node: 'hv2', deadlineMs: 1 } },
    'storage.fence': {
      type: 'agent.run', effect: 'storage.fence',
      params: { node: 'hv2', boot: { node: 'hv2', bootId: 'b2' }, deadlineMs: 1 },
    },
    'hypervisor.observe': { type: 'agent.observe', uuid: 'u1' },
    'hypervisor.ensureAbsent': { type: 'agent.ensure-absent', uuid: 'u1' },
  };
  for (const [kind, event] of Object.entries(asked)) {
    for (const outcome of ['done', 'refused', 'unknown'] as const) {
      agent.fact({ ...event, ...ask } as never);
      if (outcome === 'done') agent.done(kind, { state: 'absent', power: 'on', answered: [] });
      else agent[outcome](kind);
    }
  }
  agent.fact({ type: 'agent.restarting', deadlineMs: 1 });
  assert.deepEqual(
    allTransitions(agentMachine).filter((key) => !agent.taken.has(key)),
    [],
  );
});

test('it takes no commands of users', () => {
  assert.equal(machineOf('agent')!.admit(newAgent().record.snapshot, { type: 'vm.start' }).kind, 'deny');
});

test("a restart of its daemon is announced to the node's actor, and its end as well, once each", () => {
  const agent = newAgent().fact({ type: 'agent.restarting', deadlineMs: 30_000 });
  assert.deepEqual(
    agent.sent.map(({ to, event }) => ({ to, event })),
    [{ to: 'node/hv3', event: { type: 'node.restarting', bootId: 'b3', deadlineMs: 30_000 } }],
  );
  const acquired = { type: 'owner.acquired', node: 'hv3', bootId: 'b3', epoch: 1, cause: 'restarted' };
  agent.fact(acquired);
  assert.deepEqual(
    agent.sent.map(({ to, event }) => ({ to, event })),
    [{ to: 'node/hv3', event: { type: 'node.restarted', bootId: 'b3' } }],
  );
  assert.deepEqual(agent.fact(acquired).sent, []);
});

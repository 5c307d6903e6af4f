/**
 * The agent machine: `agent/<node>`, owned by that node itself. It runs things for other actors: reads or
 * sets another node's power when the primary's own cable is out, and speaks for the copies of VMs on its node.
 * Several requests are open at once, so that a slow one blocks nobody; their number is bounded.
 */
import { setup } from 'xstate';
import type { ActionsOf, AgentEffects } from '../effects.js';
import type { AgentContext, AgentEvent, AgentInput, AgentRequest, OpenRequest } from './messages.js';

/** Raise when an old snapshot would not mean the same. */
export const AGENT_MACHINE_VERSION = 1;

export const AGENT_LIMITS = {
  /** Open requests; one more is answered `unknown` at once. Below the runtime's limit of pending effects. */
  requestsMax: 32,
  guestDeadlineMs: 20_000,
} as const;

const agentSetup = setup({
  types: {} as { context: AgentContext; events: AgentEvent; input: AgentInput },
  actions: {} as ActionsOf<AgentEffects>,
});

const EFFECT_OF = {
  'agent.ensure-absent': 'hypervisor.ensureAbsent',
  'agent.observe': 'hypervisor.observe',
} as const;

const open = (context: AgentContext, event: AgentRequest): OpenRequest => ({
  key: `${context.name}:${context.count + 1}`,
  type: event.type,
  replyTo: event.replyTo,
  requestId: event.requestId,
  effect: event.type === 'agent.run' ? event.effect : EFFECT_OF[event.type],
  uuid: event.type === 'agent.run' ? null : event.uuid,
});

/** The answer in the asker's words. */
function answerOf(
  context: AgentContext,
  request: OpenRequest,
  event: AgentEvent,
): Record<string, unknown> & { type: string } {
  const base = { requestId: request.requestId, node: context.name };
  const reason = 'reason' in event ? event.reason : null;
  if (request.type === 'agent.run') {
    const outcome = event.type.endsWith('.done') ? 'done' : event.type.endsWith('.refused') ? 'refused' : 'unknown';
    return {
      type: 'agent.answered',
      ...base,
      effect: request.effect,
      outcome,
      result: 'result' in event ? event.result : null,
      reason,
    };
  }
  const about = { ...base, uuid: request.uuid, bootId: context.bootId };
  if (event.type === 'hypervisor.ensureAbsent.done') {
    return { type: 'agent.absent', ...about, ...(event.result.severed === true ? { severed: true } : {}) };
  }
  if (event.type === 'hypervisor.observe.done')
    return { type: 'agent.observed', ...about, state: event.result.state };
  return { type: 'agent.failed', ...about, reason: reason ?? 'no answer' };
}

/** Begins a request, or answers at once that there are too many. */
const begin = agentSetup.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'agent.run' && event.type !== 'agent.ensure-absent' && event.type !== 'agent.observe') return;
  const request = open(context, event);
  const isWhole = event.type !== 'agent.run' || event.effect !== 'storage.fence' || event.params.boot !== undefined;
  if (context.requests.length >= AGENT_LIMITS.requestsMax || !isWhole) {
    const refusal = {
      type: 'hypervisor.observe.unknown' as const,
      at: event.at,
      effectId: '',
      reason: isWhole ? 'too many requests are open' : 'the request names no boot',
    };
    enqueue({ type: 'tell', params: { to: event.replyTo, event: answerOf(context, request, refusal) } });
    return;
  }
  enqueue.assign({ requests: [...context.requests, request], count: context.count + 1 });
  const requestId = request.key;
  if (event.type === 'agent.run') {
    const { node, power = 'off', deadlineMs, boot } = event.params;
    if (event.effect === 'bmc.set') enqueue({ type: 'bmc.set', params: { node, power, deadlineMs, requestId } });
    else if (event.effect === 'storage.fence') {
      if (boot !== undefined) enqueue({ type: 'storage.fence', params: { boot, deadlineMs, requestId } });
    } else enqueue({ type: event.effect, params: { node, deadlineMs, requestId } });
    return;
  }
  enqueue({
    type: EFFECT_OF[event.type],
    params: { uuid: event.uuid, deadlineMs: AGENT_LIMITS.guestDeadlineMs, requestId },
  });
});

/** An effect's end: told to who asked. */
const finish = agentSetup.enqueueActions(({ context, event, enqueue }) => {
  if (!('effectId' in event)) return;
  const request = context.requests.find((each) => each.key === event.requestId);
  if (request === undefined) return;
  enqueue.assign({ requests: context.requests.filter((each) => each !== request) });
  enqueue({ type: 'tell', params: { to: request.replyTo, event: answerOf(context, request, event) } });
});

const end = { actions: finish };

/** The node's own actor is told, so that nobody takes the silence of this node for its death. */
const announceRestart = agentSetup.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'agent.restarting' || context.bootId === null) return;
  const { bootId } = context;
  const { deadlineMs } = event;
  const down = event.goesDown === true ? { goesDown: true } : {};
  enqueue.assign({ restarting: true });
  enqueue({
    type: 'tell',
    params: { to: `node/${context.name}`, event: { type: 'node.restarting', bootId, deadlineMs, ...down } },
  });
});

/** Runs (again): what was announced is over. */
const begun = agentSetup.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'owner.acquired') return;
  const { bootId } = event;
  enqueue.assign({ bootId, restarting: false });
  if (context.restarting !== true) return;
  enqueue({ type: 'tell', params: { to: `node/${context.name}`, event: { type: 'node.restarted', bootId } } });
});

export const agentMachine = agentSetup.createMachine({
  id: 'agent',
  context: ({ input }) => ({ name: input.name, bootId: null, requests: [], count: 0 }),
  initial: 'serving',
  states: {
    serving: {
      on: {
        'owner.acquired': { actions: begun },
        'agent.restarting': { actions: announceRestart },
        'agent.run': { actions: begin },
        'agent.ensure-absent': { actions: begin },
        'agent.observe': { actions: begin },
        'bmc.read.done': end,
        'bmc.read.refused': end,
        'bmc.read.unknown': end,
        'bmc.set.done': end,
        'bmc.set.refused': end,
        'bmc.set.unknown': end,
        'probe.signs.done': end,
        'probe.signs.refused': end,
        'probe.signs.unknown': end,
        'storage.fence.done': end,
        'storage.fence.refused': end,
        'storage.fence.unknown': end,
        'hypervisor.observe.done': end,
        'hypervisor.observe.refused': end,
        'hypervisor.observe.unknown': end,
        'hypervisor.ensureAbsent.done': end,
        'hypervisor.ensureAbsent.refused': end,
        'hypervisor.ensureAbsent.unknown': end,
      },
    },
  },
});

export const AGENT_STATES = { serving: 'Runs what other actors ask of this node.' } as const satisfies Record<
  string,
  string
>;

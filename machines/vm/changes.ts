/** Pure changes of the VM's context, named after what happened. Used by the machine's assigns only. */
import { byOwnObservation, sameBoot, without, withoutEarlierBoots } from './copies.js';
import type { OwnerAcquired, VmCommandEvent } from './events.js';
import type {
  BootRef, RbdDisk, VmCommand, VmCommandType, VmContext, VmDefinition, VmInput, VmMeta, VmMove, VmStop, VmTag,
} from './messages.js';
import { SHUTDOWN_DEFAULT_MS } from './timing.js';

type Change = Partial<VmContext>;

/** A new VM, as define stored it: stopped, and nothing may run anywhere. */
export function newVm(input: VmInput): VmContext {
  return {
    ...input,
    shutdownMs: input.shutdownMs ?? SHUTDOWN_DEFAULT_MS,
    lastNode: null,
    desired: 'stop',
    mayRunOn: [],
    failedReason: null,
    waitingReason: null,
    operation: null,
    owner: null,
    heldAs: 'primary',
    target: null,
    stop: null,
    move: null,
    reportTo: null,
    startFailures: 0,
    triedNodes: [],
    crashes: 0,
    question: 0,
    endedEarly: false,
  };
}

/** The owner is known anew; earlier boots of its node are over (P0). */
export function acquired(context: VmContext, event: OwnerAcquired): Change {
  const owner: BootRef = { node: event.node, bootId: event.bootId };
  return {
    owner,
    mayRunOn: withoutEarlierBoots(context.mayRunOn, owner),
    heldAs: event.cause === 'claimed' && !sameBoot(context.owner, owner) ? 'primary' : context.heldAs,
  };
}

/** The owner found no copy on its own node, or ended it. */
export const absentHere = (context: VmContext): Change =>
  context.owner === null ? {} : { mayRunOn: without(context.mayRunOn, byOwnObservation(context.owner)) };

export const operationOf = (event: VmCommandEvent): VmContext['operation'] => ({
  operationId: event.operationId,
  command: event.type,
});

/** A wish to run; a clean slate for the counters. */
export const wantStart = (): Change => ({
  desired: 'start',
  failedReason: null,
  waitingReason: null,
  stop: null,
  move: null,
  startFailures: 0,
  triedNodes: [],
  crashes: 0,
});

/** What the guest's end is asked for, and what comes after it. */
export function wantEnd(context: VmContext, command: VmCommand): Change {
  const stop = (then: VmStop['then'], force: boolean): VmStop => ({ then, force });
  switch (command.type) {
    case 'vm.shutdown':
      return { desired: 'stop', stop: stop('rest', false), move: null };
    case 'vm.stop':
      return { desired: 'stop', stop: stop('rest', true), move: null };
    case 'vm.disable':
      return { desired: 'disable', stop: stop('rest', command.force), move: null };
    case 'vm.undefine':
      return {
        desired: 'stop', stop: stop('remove', true), move: null,
        ...(command.disks === undefined ? {} : { removal: { volumes: command.disks, tries: 0, reason: null } }),
      };
    case 'vm.restart':
    case 'vm.modify':
      return { desired: 'start', stop: stop('start', false), target: context.owner, move: null };
    default:
      return {};
  }
}

/** The move a command or the planner asks for. */
export function moveOf(context: VmContext, command: VmCommand): VmMove | null {
  const base = { forceLive: false, cold: false, attempts: 0, failure: null };
  switch (command.type) {
    case 'vm.migrate':
      // Migrating again by force keeps the first home (PVC).
      return {
        ...base,
        kind: 'migrate',
        only: command.target,
        forceLive: command.forceLive,
        lastNode: context.lastNode ?? context.node,
      };
    case 'vm.move':
      return {
        ...base,
        kind: 'move',
        only: command.target,
        forceLive: command.forceLive,
        cold: command.cold ?? false,
        lastNode: null,
      };
    case 'vm.unmigrate':
      return { ...base, kind: 'unmigrate', only: context.lastNode, forceLive: command.forceLive, lastNode: null };
    default:
      return null;
  }
}

/** For flush: PVC keeps an earlier home; coming to that home ends the migration. */
export function evacuationOf(context: VmContext, target: BootRef): VmMove {
  const home = context.lastNode ?? context.node;
  return {
    kind: 'evacuate',
    only: target.node,
    forceLive: false,
    cold: false,
    attempts: 0,
    failure: null,
    lastNode: home === target.node ? null : home,
  };
}

export const returnOf = (target: BootRef): VmMove => ({
  kind: 'return',
  only: target.node,
  forceLive: false,
  cold: false,
  attempts: 0,
  failure: null,
  lastNode: null,
});

/** What a definition from before its RBD disks were noted is told of them. */
export const withDisks = (definition: VmDefinition, rbdDisks: readonly RbdDisk[] | undefined): VmDefinition =>
  (rbdDisks === undefined || definition.rbdDisks !== undefined ? definition : { ...definition, rbdDisks });

/** Its volumes as it has them now, and those of earlier ones that nothing was started after. Without any: nothing. */
export function cutShortOn({ cutShort, definition }: VmContext, node: string): Change {
  const own = (definition.rbdDisks ?? []).filter((disk) => !disk.readOnly).map((disk) => disk.volume);
  return own.length === 0 ? {} : {
    cutShort: {
      nodes: [...new Set([...(cutShort?.nodes ?? []), node])],
      volumes: [...new Set([...(cutShort?.volumes ?? []), ...own])],
    },
  };
}

/** An agent's "absent", as far as it says that a copy was cut short. */
export const severedBy = (context: VmContext, event: { readonly node: string; readonly severed?: true }): Change =>
  event.severed === true ? cutShortOn(context, event.node) : {};

/** The node and last_node of a VM that is off and is given another home. */
export function rehomedWhileOff(context: VmContext, command: VmCommand): Change {
  const move = moveOf(context, command);
  if (move === null || move.only === null) return {};
  return { node: move.only, lastNode: move.lastNode === move.only ? null : move.lastNode };
}

/** After a start on another node than home without the user's asking: PVC's last_node. */
export const homeAfterRecovery = (context: VmContext, target: BootRef): string | null =>
  context.node === target.node
    ? context.lastNode
    : context.lastNode === target.node
      ? null
      : (context.lastNode ?? context.node);

export function metaAfter(meta: VmMeta, change: Partial<VmMeta>): VmMeta {
  return { ...meta, ...change };
}

/** What held a lock of a backup died with the node it ran on. */
export const unlocked = ({ meta }: VmContext): Change =>
  meta.lock === 'backup' ? { meta: { ...meta, lock: null } } : {};

/** Adding a tag that is there changes its protection; removing one that is not changes nothing. */
export function tagsAfter(tags: readonly VmTag[], command: Extract<VmCommand, { type: 'vm.tag' }>): readonly VmTag[] {
  const others = tags.filter((tag) => tag.name !== command.tag);
  return command.action === 'remove'
    ? others
    : [...others, { name: command.tag, type: 'user', protected: command.protected }];
}

/** `vm.stop` -> `stop`: PVC's word for a command. */
export const commandWord = (type: VmCommandType): string => type.slice('vm.'.length);

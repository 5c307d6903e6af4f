/**
 * From the feed's items to events. Translated once an item, shared by every subscriber. What a record alone does
 * not tell (from which node a VM came, whether an operation's end is news) is remembered here.
 */
import type { FeedItem, MirroredActor } from '../../runtime/feed-types.js';
import { cursorText } from '../../runtime/feed.js';
import type { Feed, TelemetryItem } from '../../runtime/feed-types.js';
import { lightOf, type LightRecord } from '../../runtime/feed-light.js';
import type { Owner, Transition } from '../../runtime/record.js';
import { coordinatorState } from '../views/node.js';
import {
  daemonStateWord,
  domainStateWord,
  nameOf,
  nodeContext,
  operationOf,
  stateOf,
  vmContext,
  vmStateWord,
  waitingReasonOf,
} from '../views/words.js';
import { FaultTeller, type FaultNews } from './faults.js';
import { EVENT_LIMITS, type PulseEvent } from './frames.js';
import { isStorageTopic, storageTold, type StorageTopic } from './storage.js';

const ENDED_KEPT = 20_000;

export interface Translator {
  /** The events of one step; empty for an item that tells of missed ones. */
  events(item: FeedItem): readonly PulseEvent[];
  /** The present state of an actor, as events of type `present`. */
  present(actor: MirroredActor): readonly PulseEvent[];
  telemetry(item: TelemetryItem): PulseEvent;
}

interface Source {
  readonly record: LightRecord;
  readonly owner: Owner | null;
  readonly transition: Transition | null;
  readonly cursor: string;
}

export function createTranslator(feed: Feed, wallMs: () => number): Translator {
  const known = new WeakMap<FeedItem, readonly PulseEvent[]>();
  const vmNodes = new Map<string, string>(feed.actors('vm').map(({ record }) => [record.id, vmContext(record).node]));
  const ended = new Map<string, number>();
  const faults = new FaultTeller(feed);
  const translate = (item: FeedItem): readonly PulseEvent[] => {
    const { record, owner, transition } = item;
    if (transition === null && !record.removed) return [];
    const source: Source = { record, owner, transition, cursor: cursorText(item.cursor) };
    const last = transition === null || transition.seq === record.seq;
    const events = [actorEvent(source, record.removed && last ? 'removed' : 'stepped')];
    if (record.kind === 'vm') {
      const before = vmNodes.get(record.id) ?? null;
      const { node } = vmContext(record);
      const moved = last && before !== null && before !== node;
      events.push(vmEvent(source, vmType(source, last, moved), moved ? before : null));
      if (record.removed && last) vmNodes.delete(record.id);
      else if (last) vmNodes.set(record.id, node);
    } else if (record.kind === 'node') {
      events.push(nodeEvent(feed, source, record.removed && last ? 'removed' : changeType(source, 'added')));
    } else if (isStorageTopic(record.kind)) {
      const type = record.removed && last ? 'removed' : changeType(source, 'added');
      events.push(storageEvent(source, record.kind, type));
    }
    if (record.kind === 'ceph' && last) events.push(...faults.news(record).map((news) => faultEvent(source, news)));
    events.push(...taskEvents(source, ended));
    for (const old of ended.keys()) {
      if (ended.size <= ENDED_KEPT) break;
      ended.delete(old);
    }
    return events.map(bounded);
  };
  return {
    events(item) {
      let events = known.get(item);
      if (events === undefined) {
        events = translate(item);
        known.set(item, events);
      }
      return events;
    },
    present({ record, owner, zxid, address }) {
      const cursor = cursorText({ generation: feed.head().generation, zxid, address, seq: record.seq });
      const transition = record.tail.at(-1) ?? null;
      const source: Source = { record: lightOf(record, record), owner, transition, cursor };
      const events = [actorEvent(source, 'present')];
      if (record.kind === 'vm') events.push(vmEvent(source, 'present', null));
      else if (record.kind === 'node') events.push(nodeEvent(feed, source, 'present'));
      else if (isStorageTopic(record.kind)) events.push(storageEvent(source, record.kind, 'present'));
      else if (record.kind === 'ceph') events.push(...faults.present().map((news) => faultEvent(source, news)));
      return events.map(bounded);
    },
    telemetry: (item) =>
      bounded({
        cursor: '',
        time: wallMs(),
        topic: 'metric',
        type: 'telemetry-reported',
        key: item.node,
        node: item.node,
        actor: `node/${item.node}`,
        rev: 0,
        correlation: null,
        operation: null,
        data: { node: item.node, live: item.live, stale_ms: Math.round(item.staleMs), telemetry: item.data },
      }),
  };
}

function base({ record, owner, transition, cursor }: Source) {
  return {
    cursor,
    time: transition?.at ?? 0,
    node: transition?.node ?? owner?.node ?? null,
    actor: `${record.kind}/${record.id}`,
    rev: record.revision,
    correlation: transition?.correlation ?? null,
    operation: transition?.operationId ?? operationOf(record)?.operationId ?? null,
  };
}

const moves = (source: Source): { from: string | null; to: string } => ({
  from: source.transition?.from ?? null,
  to: source.transition?.to ?? stateOf(source.record),
});

function changeType({ transition }: Source, birth: string): string {
  if (transition?.seq === 1) return birth;
  return transition !== null && transition.from !== transition.to ? 'state-changed' : 'updated';
}

function vmType(source: Source, last: boolean, moved: boolean): string {
  if (source.record.removed && last) return 'removed';
  if (moved) return 'migrated';
  const type = changeType(source, 'defined');
  return type === 'state-changed' && last && vmStateWord(source.record.snapshot) === 'fail' ? 'failed' : type;
}

function vmEvent(source: Source, type: string, fromNode: string | null): PulseEvent {
  const { record, owner } = source;
  const vm = vmContext(record);
  return {
    ...base(source),
    topic: 'vm',
    type,
    key: vm.name,
    node: vm.node,
    data: {
      name: vm.name,
      uuid: vm.uuid,
      state: vmStateWord(record.snapshot),
      ...moves(source),
      node: vm.node,
      last_node: vm.lastNode,
      ...(fromNode === null ? {} : { from_node: fromNode }),
      owner: owner?.node ?? null,
      waiting_reason: vm.waitingReason,
      failed_reason: vm.failedReason,
    },
  };
}

function nodeEvent(feed: Feed, source: Source, type: string): PulseEvent {
  const { record } = source;
  const node = nodeContext(record);
  return {
    ...base(source),
    topic: 'node',
    type,
    key: node.name,
    node: node.name,
    data: {
      name: node.name,
      daemon_state: daemonStateWord(record.snapshot),
      domain_state: domainStateWord(record.snapshot),
      coordinator_state: coordinatorState(feed, { record }),
      ...moves(source),
      waiting_reason: node.waitingReason,
    },
  };
}

function storageEvent(source: Source, topic: StorageTopic, type: string): PulseEvent {
  const { key, node, data } = storageTold(topic, source.record);
  const of = base(source);
  return { ...of, topic, type, key, node: node ?? of.node, data: { ...data, ...moves(source) } };
}

const faultEvent = (source: Source, { id, type, data }: FaultNews): PulseEvent => (
  { ...base(source), topic: 'fault', type, key: id, data });

function actorEvent(source: Source, type: string): PulseEvent {
  const { record, owner, transition } = source;
  return {
    ...base(source),
    topic: 'actor',
    type,
    key: `${record.kind}/${record.id}`,
    data: {
      kind: record.kind,
      id: record.id,
      name: nameOf(record),
      state: stateOf(record),
      ...moves(source),
      event: transition?.event.type ?? null,
      owner: owner?.node ?? null,
      epoch: owner?.epoch ?? null,
      seq: transition?.seq ?? record.seq,
      effects: transition?.effects ?? [],
      sent: transition?.sent ?? [],
      pending: record.effectCount,
      timers: record.timerCount,
      steps: record.counts.steps,
      commits: record.counts.commits,
      restarts: record.counts.restarts,
      operation: operationOf(record),
      fault: record.fault,
      waiting_reason: waitingReasonOf(record),
      at: transition?.at ?? null,
    },
  };
}

/**
 * An operation begins and ends in a step whose time it carries. Steps of one commit may share that time: the first
 * one tells, once.
 */
function taskEvents(source: Source, ended: Map<string, number>): PulseEvent[] {
  const { record, transition } = source;
  if (transition === null) return [];
  return record.operations.flatMap((operation) => {
    const begins = operation.operationId === transition.operationId;
    const ends =
      operation.endedAt === transition.at && (ended.get(operation.operationId) ?? transition.seq) === transition.seq;
    if (ends) ended.set(operation.operationId, transition.seq);
    const type = ends ? 'operation-ended' : begins ? 'operation-started' : null;
    if (type === null) return [];
    const { operationId, command } = operation;
    return [
      {
        ...base(source),
        topic: 'task' as const,
        type,
        key: operationId,
        operation: operationId,
        data: {
          operationId,
          command,
          state: ends ? operation.state : 'accepted',
          message: ends ? operation.message : null,
          actor: `${record.kind}/${record.id}`,
          name: nameOf(record),
        },
      },
    ];
  });
}

/** Larger data is replaced by a word about it: the record itself is at /api/v1/actors. */
function bounded(event: PulseEvent): PulseEvent {
  const bytes = JSON.stringify(event.data).length;
  if (bytes <= EVENT_LIMITS.dataBytesMax) return event;
  return { ...event, data: { omitted: `${bytes} bytes`, see: `/api/v1/actors/${event.actor}` } };
}

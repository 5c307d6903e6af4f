/** Figures of this process for Prometheus, written as text by hand: a dozen lines need no client library. */
import type { Feed } from '../runtime/feed-types.js';
import type { StreamCounters } from './events/stream-types.js';
import { stateOf } from './views/words.js';

export interface HttpCounters {
  /** Counts one answered request under its route's template. */
  count(method: string, route: string, status: number): void;
  entries(): readonly { readonly labels: Labels; readonly value: number }[];
}

type Labels = Readonly<Record<string, string>>;

export function createHttpCounters(): HttpCounters {
  const counts = new Map<string, { labels: Labels; value: number }>();
  return {
    count(method, route, status) {
      const key = `${method} ${route} ${status}`;
      const entry = counts.get(key) ?? { labels: { method, route, status: String(status) }, value: 0 };
      entry.value += 1;
      counts.set(key, entry);
    },
    entries: () => [...counts.values()],
  };
}

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const labelled = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
};

function family(
  name: string,
  type: 'gauge' | 'counter',
  help: string,
  samples: readonly { labels: Labels; value: number }[],
): string {
  const lines = samples.map(({ labels, value }) => `${name}${labelled(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
}

const single = (value: number): { labels: Labels; value: number }[] => [{ labels: {}, value }];

/** Labels are bounded: kinds, states, nodes, routes; never a VM's name. */
export function metricsText(
  feed: Feed,
  maintenance: boolean,
  http: HttpCounters,
  streams: StreamCounters,
  openStreams: number,
): string {
  const actors = new Map<string, { labels: Labels; value: number }>();
  let faults = 0;
  for (const { record } of feed.actors()) {
    const labels = { kind: record.kind, state: stateOf(record) };
    const key = `${labels.kind} ${labels.state}`;
    const entry = actors.get(key) ?? { labels, value: 0 };
    entry.value += 1;
    actors.set(key, entry);
    if (record.fault !== null) faults += 1;
  }
  const telemetry = feed.telemetry();
  const head = feed.head();
  return [
    family('pvc_cluster_maintenance', 'gauge', 'Maintenance mode', single(maintenance ? 1 : 0)),
    family('pvc_actors', 'gauge', 'Actors by kind and state', [...actors.values()]),
    family('pvc_actor_faults', 'gauge', 'Actors parked after too many failed steps', single(faults)),
    family(
      'pvc_node_live',
      'gauge',
      'The node holds its lease',
      telemetry.map((item) => ({ labels: { node: item.node }, value: item.live ? 1 : 0 })),
    ),
    family(
      'pvc_node_telemetry_age_seconds',
      'gauge',
      'Age of the last telemetry of the node',
      telemetry.map((item) => ({ labels: { node: item.node }, value: Math.round(item.staleMs) / 1000 })),
    ),
    family('pvc_feed_generation', 'gauge', 'Generation of the cluster', single(head.generation)),
    family('pvc_feed_head_zxid', 'gauge', 'Newest commit the feed has emitted', single(head.zxid)),
    family('pvc_event_streams', 'gauge', 'Open event streams', single(openStreams)),
    family('pvc_events_sent_total', 'counter', 'Events sent to streams', single(streams.sent)),
    family(
      'pvc_events_coalesced_total',
      'counter',
      'Events replaced by newer ones for slow clients',
      single(streams.coalesced),
    ),
    family('pvc_event_gaps_total', 'counter', 'Gaps told to clients', single(streams.gaps)),
    family('pvc_event_slow_closed_total', 'counter', 'Streams closed for being slow', single(streams.slow)),
    family('pvc_event_faulty_frames_total', 'counter', 'Faulty frames of clients', single(streams.rubbish)),
    family('pvc_http_requests_total', 'counter', 'Answered requests', http.entries()),
    '',
  ].join('\n');
}

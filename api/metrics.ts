/**
 * What a node tells Prometheus: its process (the library's own figures), its runtime and its store (plain counters,
 * shown here), the cluster as its mirror has it, and this API. The only file that imports the client library.
 * Labels are bounded: kinds, states, nodes, routes, outcomes; never the name of an actor.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Histogram as PlainHistogram } from '../runtime/metrics.js';
import type { ApiDeps } from './deps.js';
import type { StreamCounters } from './events/stream-types.js';
import { clusterFigures } from './views/figures.js';

type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export interface ApiMetrics {
  readonly contentType: string;
  /** One answered request under its route's template. */
  answered(method: string, route: string, status: number, seconds: number): void;
  /** A transition came out of the feed so long after it was stepped. */
  lagged(seconds: number): void;
  text(): Promise<string>;
}

/** The process's figures: collected once, however often an API server is begun in it. */
let processRegistry: Registry | null = null;

function processFigures(): Registry {
  if (processRegistry === null) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
}

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Shows a histogram that somebody else counts: its buckets are summed up already. */
class ShownHistogram extends Histogram {
  constructor(
    private readonly about: { name: string; help: string; registers: Registry[] },
    private readonly read: () => Pick<PlainHistogram, 'bounds' | 'counts' | 'sum' | 'count'>,
  ) {
    super(about);
  }

  override async get(): ReturnType<Histogram['get']> {
    const { name } = this.about;
    const { bounds, counts, sum, count } = this.read();
    const buckets = bounds.map((bound, index) =>
      ({ metricName: `${name}_bucket`, labels: { le: bound }, value: counts[index] ?? 0 }));
    return {
      ...await super.get(),
      values: [
        ...buckets, { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
        { metricName: `${name}_sum`, labels: {}, value: sum },
        { metricName: `${name}_count`, labels: {}, value: count },
      ],
    };
  }
}

/** Registers figures that are read when somebody asks. */
class Shown {
  constructor(private readonly registry: Registry) {}

  gauge(name: string, help: string, labelNames: readonly string[], read: () => readonly Sample[]): void {
    const registers = [this.registry];
    new Gauge({
      name, help, labelNames, registers,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  counter(name: string, help: string, labelNames: readonly string[], read: () => readonly Sample[]): void {
    const registers = [this.registry];
    new Counter({
      name, help, labelNames, registers,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }

  histogram(name: string, help: string, read: () => Pick<PlainHistogram, 'bounds' | 'counts' | 'sum' | 'count'>): void {
    new ShownHistogram({ name, help, registers: [this.registry] }, read);
  }
}

const one = (value: number): readonly Sample[] => [[{}, value]];
const by = (label: string, entries: Iterable<readonly [string, number]>): readonly Sample[] =>
  [...entries].map(([name, value]) => [{ [label]: name }, value]);

export function createApiMetrics(
  deps: ApiDeps, streams: StreamCounters, openStreams: () => number,
): ApiMetrics {
  const registry = new Registry();
  const shown = new Shown(registry);
  const requests = new Counter({
    name: 'pvc_http_requests_total', help: 'Answered requests', labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'pvc_http_request_seconds', help: 'From a request to its answer', labelNames: ['method', 'route'],
    buckets: REQUEST_SECONDS, registers: [registry],
  });
  const lag = new Histogram({
    name: 'pvc_feed_lag_seconds', buckets: LAG_SECONDS, registers: [registry],
    help: 'From a transition (clock of its node) to this node\'s feed (own clock)',
  });
  showCluster(shown, deps);
  showRuntime(shown, deps);
  showStore(shown, deps);
  showStreams(shown, streams, openStreams);
  const all = Registry.merge([processFigures(), registry]);
  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    answered(method, route, status, tookSeconds) {
      requests.inc({ method, route, status: String(status) });
      seconds.observe({ method, route }, tookSeconds);
    },
    lagged: (late) => lag.observe(Math.max(0, late)),
    text: () => all.metrics(),
  };
}

function showCluster(shown: Shown, { feed, cluster, clock }: ApiDeps): void {
  const figures = clusterFigures(feed, clock);
  shown.gauge('pvc_cluster_maintenance', 'Maintenance mode', [], () => one(cluster.maintenance() ? 1 : 0));
  shown.gauge('pvc_actors', 'Actors by kind and state', ['kind', 'state'], () => figures().byState);
  shown.gauge('pvc_actor_faults', 'Actors parked after too many failed steps', [], () => one(figures().faults));
  shown.gauge('pvc_actor_letters', 'Letters that wait in mailboxes', ['kind'], () => figures().letters);
  shown.gauge('pvc_actor_oldest_letter_seconds', 'Age of the oldest letter that waits', ['kind'],
    () => figures().oldestLetterSeconds);
  shown.gauge('pvc_actor_mailboxes_unknown', 'Mailboxes not looked at since the connection was last lost', [],
    () => one(figures().mailboxesUnknown));
  shown.gauge('pvc_actor_timers', 'Timers pending', ['kind'], () => figures().timers);
  shown.gauge('pvc_actor_effects', 'Effects pending', ['kind'], () => figures().effects);
  shown.gauge('pvc_actor_outbox', 'Letters parked until their receivers have room', ['kind'], () => figures().outbox);
  shown.gauge('pvc_actor_requests', 'Requests to other actors that wait for an answer', ['kind'],
    () => figures().requests);
  shown.gauge('pvc_vms', 'VMs by PVC\'s word for their state', ['state'], () => figures().vms);
  shown.gauge('pvc_nodes', 'Nodes by daemon and domain state', ['state'], () => figures().nodes);
  shown.gauge('pvc_node_live', 'The node holds its lease', ['node'],
    () => feed.telemetry().map((item): Sample => [{ node: item.node }, item.live ? 1 : 0]));
  shown.gauge('pvc_node_telemetry_age_seconds', 'Age of the last telemetry of the node', ['node'],
    () => feed.telemetry().map((item): Sample => [{ node: item.node }, Math.round(item.staleMs) / 1000]));
  shown.gauge('pvc_feed_generation', 'Generation of the cluster', [], () => one(feed.head().generation));
  shown.gauge('pvc_feed_head_zxid', 'Newest commit the feed has emitted', [], () => one(feed.head().zxid));
}

function showRuntime(shown: Shown, { figures }: ApiDeps): void {
  const { runtime } = figures;
  const counters = {
    steps: 'Inputs stepped', letters: 'Letters consumed by commits', dead: 'Letters parked as dead letters',
    restarts: 'Cells begun anew after a crash', handOvers: 'Actors given to another node',
    claims: 'Actors taken over after a death',
  } as const;
  const NAMES = {
    steps: 'steps', letters: 'letters', dead: 'dead_letters', restarts: 'restarts', handOvers: 'hand_overs',
    claims: 'claims',
  } as const;
  for (const [key, help] of Object.entries(counters) as [keyof typeof counters, string][]) {
    shown.counter(`pvc_runtime_${NAMES[key]}_total`, help, [], () => one(runtime[key]));
  }
  shown.counter('pvc_runtime_commits_total', 'Commits by outcome', ['outcome'], () => by('outcome', runtime.commits));
  shown.counter('pvc_runtime_effects_total', 'World effects by outcome', ['outcome'],
    () => by('outcome', runtime.effects));
  shown.gauge('pvc_runtime_effects_running', 'World effects under way', [], () => one(runtime.effectsRunning));
  shown.histogram('pvc_runtime_commit_seconds', 'One commit, from its sending to its outcome',
    () => runtime.commitSeconds);
  shown.histogram('pvc_runtime_batch_inputs', 'Inputs in one commit', () => runtime.batchInputs);
  shown.histogram('pvc_runtime_letter_wait_seconds', 'From a letter\'s sending to the commit that consumed it',
    () => runtime.waitedSeconds);
  shown.gauge('pvc_runtime_level', 'Cells, parked cells, items and subscribers of the feed', ['what'],
    () => [...runtime.levels].map(([what, read]): Sample => [{ what }, read()]));
  shown.gauge('pvc_lease_remaining_seconds', 'Until this node may no longer touch the world unless it renews', [],
    () => one(figures.leaseRemainingMs() / 1000));
}

function showStore(shown: Shown, { figures }: ApiDeps): void {
  const { store } = figures;
  shown.counter('pvc_store_requests_total', 'Requests to the store', ['kind'],
    () => by('kind', Object.entries(store().requests)));
  shown.counter('pvc_store_errors_total', 'Requests refused or lost', ['code'],
    () => by('code', Object.entries(store().errors)));
  shown.counter('pvc_store_disconnects_total', 'Connections lost', ['reason'],
    () => by('reason', Object.entries(store().disconnects)));
  const counters = {
    replies: 'Answers of servers', pings: 'Pings sent', bytesSent: 'Bytes sent', bytesReceived: 'Bytes received',
    queued: 'Requests that waited for a place', watchEvents: 'Watch events', connectAttempts: 'Attempts to connect',
  } as const;
  for (const [key, help] of Object.entries(counters) as [keyof typeof counters, string][]) {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    shown.counter(`pvc_store_${name}_total`, help, [], () => one(store()[key]));
  }
  shown.gauge('pvc_store_in_flight', 'Requests under way', [], () => one(store().inFlight));
  shown.gauge('pvc_store_waiting', 'Requests that wait for a place', [], () => one(store().waiting));
  shown.gauge('pvc_store_connected', 'The store is connected', [], () => one(store().state === 'connected' ? 1 : 0));
  shown.gauge('pvc_store_silent_seconds', 'Since the last packet from a server', [],
    () => one((store().silentMs ?? 0) / 1000));
  shown.histogram('pvc_store_request_seconds', 'From a request to its answer', () => {
    const { boundsMs, counts, sumMs } = store().latency;
    let count = 0;
    const summed = counts.map((value) => (count += value));
    return { bounds: boundsMs.map((ms) => ms / 1000), counts: summed, sum: sumMs / 1000, count };
  });
}

function showStreams(shown: Shown, streams: StreamCounters, openStreams: () => number): void {
  shown.gauge('pvc_event_streams', 'Open event streams', [], () => one(openStreams()));
  const counters = {
    events_sent: ['Events sent to streams', 'sent'],
    events_coalesced: ['Events replaced by newer ones for slow clients', 'coalesced'],
    event_gaps: ['Gaps told to clients', 'gaps'],
    event_slow_closed: ['Streams closed for being slow', 'slow'],
    event_faulty_frames: ['Faulty frames of clients', 'rubbish'],
  } as const;
  for (const [name, [help, key]] of Object.entries(counters)) {
    shown.counter(`pvc_${name}_total`, help, [], () => one(streams[key]));
  }
}

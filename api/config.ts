/**
 * `/etc/pvc/pvc.conf`: PVC's words in YAML, read into the one typed object. Keys that PVC knows and
 * this version has no use for are let pass with a warning, and so are keys nobody knows.
 */
import { YAMLError, parse } from 'yaml';
import type { NetworkConfig, NodeAddresses, PvcConfig } from '../actors/config.js';
import {
  assertLeaseTimings, HEARTBEAT_MS, SESSION_TIMEOUT_MS, ZOOKEEPER_SYNC_LIMIT, ZOOKEEPER_TICK_MS,
} from '../runtime/limits.js';
import { ConfigError, ConfigReader } from './config-reader.js';
import { readStorage } from './config-storage.js';
import { hostAddress, isInside, parseAddress, parseNetwork, showNetwork, type Network } from './ipv4.js';

export interface ConfigFacts {
  /** Given each key that has no effect, as one sentence. */
  readonly warn?: (text: string) => void;
}

/** PVC's own keys and sections that this version does not use. */
const PVC_KEYS = new Set([
  'path', 'subsystem', 'logging', 'guest_networking', 'autobackup', 'automirror', 'keydb', 'postgres',
  'mtu', 'domain', 'gateway_address', 'keepalive_interval', 'monitoring_interval', 'disable_on_ipmi_failure',
  'intervals', 'actions', 'ssl', 'secret_key', 'source', 'plugin_directory', 'dynamic_directory', 'ceph_directory',
]);

const SELECTORS = ['mem', 'memprov', 'vcpus', 'load', 'vms'] as const;
const STORE_NODES = ['guarded', 'readable', 'open'] as const;
const NETWORKS = ['upstream', 'cluster', 'storage'] as const;
type NetworkName = (typeof NETWORKS)[number];

const isHostname = (text: string): boolean => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(text);
const isAddress = (text: string): boolean => parseAddress(text) !== null;
const isPath = (text: string): boolean => /^\/[\w./-]*$/.test(text);
const isWord = (text: string): boolean => /^\S(.*\S)?$/.test(text) && text.length <= 255;
const PATH = 'an absolute path of letters, digits and ._/-';
const PORT = [1, 65_535] as const;

/** PVC's rule: the node's id is the number at the end of its name. */
export function nodeId(node: string): number | null {
  const digits = /(\d{1,6})$/.exec(node)?.[1];
  return digits === undefined ? null : Number(digits);
}

function readNodes(cluster: ConfigReader, hostname: string): Pick<PvcConfig, 'node' | 'allNodes' | 'coordinators'> {
  const legal = 'a short hostname that ends in the node\'s number, e.g. hv1';
  const accepts = (text: string): boolean => isHostname(text) && nodeId(text) !== null;
  const allNodes = cluster.names('all_nodes', legal, accepts);
  const coordinators = cluster.names('coordinator_nodes', legal, accepts);
  const stray = coordinators.find((each) => !allNodes.includes(each));
  if (stray !== undefined) cluster.fail('coordinator_nodes', `"${stray}" is not one of ${allNodes.join(', ')}`);
  const ids = allNodes.map(nodeId);
  const twin = allNodes.find((_, index) => ids.indexOf(ids[index] ?? null) !== index);
  if (twin !== undefined) cluster.fail('all_nodes', `the number at the end of "${twin}" is another node's too`);
  const node = hostname.split('.', 1)[0] ?? '';
  if (!allNodes.includes(node)) cluster.fail('all_nodes', `does not name this host, "${node}": ${allNodes.join(', ')}`);
  return { node, allNodes, coordinators };
}

function readNetwork(section: ConfigReader): { config: NetworkConfig; network: Network } {
  const device = section.text('device', 'the name of a network interface', (text) => /^[^\s/]{1,15}$/.test(text));
  const ipv4 = section.section('ipv4');
  // PVC writes the prefix as `netmask: 24`; the CIDR form needs none.
  const prefix = ipv4.has('netmask') ? ipv4.integer('netmask', 8, 30) : null;
  const legal = 'an IPv4 network such as 10.0.0.0/24, or 10.0.0.0 with netmask: 24';
  const text = ipv4.text('network_address', legal, (each) => parseNetwork(each, prefix) !== null);
  const network = parseNetwork(text, prefix) as Network;
  // PVC also takes this node's own address here; every node's must be known, so by-id it is.
  section.oneOf('node_ip_selection', ['by-id'], 'by-id');
  let floatingAddress: string | null = null;
  if (ipv4.has('floating_address')) {
    const inside = `an address of ${showNetwork(network)}, with or without its prefix`;
    const accepts = (each: string): boolean => {
      const [address = '', suffix] = each.split('/');
      const number = parseAddress(address);
      if (number === null || !isInside(network, number)) return false;
      return suffix === undefined || Number(suffix) === network.prefix;
    };
    floatingAddress = `${ipv4.text('floating_address', inside, accepts).split('/', 1)[0]}/${network.prefix}`;
  }
  return { config: { device, networkAddress: showNetwork(network), floatingAddress }, network };
}

function readNetworks(cluster: ConfigReader, allNodes: readonly string[]): Pick<PvcConfig, 'networks' | 'addresses'> {
  const sections = cluster.section('networks');
  const read = Object.fromEntries(NETWORKS.map((name) => [name, readNetwork(sections.section(name))])) as
    Record<NetworkName, { config: NetworkConfig; network: Network }>;
  const addressOn = (node: string, name: NetworkName): string => {
    const { network, config } = read[name];
    const address = hostAddress(network, nodeId(node) ?? 0);
    if (address === null) return sections.fail(name, `${showNetwork(network)} has no address for node ${node}`);
    if (config.floatingAddress === `${address}/${network.prefix}`) {
      sections.fail(`${name}.ipv4.floating_address`, `${address} is node ${node}'s own address`);
    }
    return address;
  };
  const addresses: Record<string, NodeAddresses> = {};
  for (const node of allNodes) {
    addresses[node] = {
      upstream: addressOn(node, 'upstream'), cluster: addressOn(node, 'cluster'), storage: addressOn(node, 'storage'),
    };
  }
  const networks = { upstream: read.upstream.config, cluster: read.cluster.config, storage: read.storage.config };
  return { networks, addresses };
}

function readStoreAuth(section: ConfigReader): NonNullable<PvcConfig['zookeeper']['auth']> {
  const user = section.text('user', 'a word without a colon', (text) => /^[\w.-]{1,64}$/.test(text), 'pvc');
  const legal = 'text of 8 to 255 visible characters';
  const password = section.secret('password', legal, (text) => /^[!-~]{8,255}$/.test(text));
  return { scheme: 'digest', id: `${user}:${password}`, nodes: section.oneOf('nodes', STORE_NODES, 'guarded') };
}

function readZookeeper(database: ConfigReader, heartbeatMs: number): PvcConfig['zookeeper'] {
  const section = database.section('zookeeper');
  const zookeeper = {
    port: section.integer('port', ...PORT, 2181),
    sessionTimeoutMs: section.integer('session_timeout_ms', 1000, 60_000, SESSION_TIMEOUT_MS),
    tickMs: section.integer('tick_ms', 50, 10_000, ZOOKEEPER_TICK_MS),
    syncLimit: section.integer('sync_limit', 1, 100, ZOOKEEPER_SYNC_LIMIT),
    root: section.text('root', 'a path such as /pvc', (text) => /^\/[\w-]+$/.test(text), '/pvc'),
    ...(section.has('auth') && { auth: readStoreAuth(section.section('auth')) }),
  };
  try {
    assertLeaseTimings({ ...zookeeper, heartbeatMs });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const legal = `${SESSION_TIMEOUT_MS}, ${ZOOKEEPER_TICK_MS} and ${ZOOKEEPER_SYNC_LIMIT} do`;
    database.fail('zookeeper', `session_timeout_ms, tick_ms and sync_limit do not fit together (${legal}): ${reason}`);
  }
  return zookeeper;
}

/** PVC's `{node_id}` in the BMC's hostname, and `{node_id_plus_100}` for addresses that are counted on. */
function bmcHost(ipmi: ConfigReader, template: string, node: string): string {
  const id = nodeId(node) ?? 0;
  const counted = (_: string, plus: string | undefined): string => String(id + Number(plus ?? 0));
  const host = template.replace(/\{node_id(?:_plus_(\d{1,6}))?\}/g, counted);
  if (/^[A-Za-z0-9][\w.-]*$/.test(host)) return host;
  return ipmi.fail('hostname', `must be a name with {node_id} or {node_id_plus_<n>}; it gives "${host}" for ${node}`);
}

type Warn = (text: string) => void;

function readBmc(fencing: ConfigReader, nodes: readonly string[], warn: Warn): PvcConfig['fencing']['bmc'] {
  if (!fencing.has('ipmi')) {
    warn('fencing.ipmi is missing: no node can be fenced by its power, a person must confirm each loss');
    return {};
  }
  const ipmi = fencing.section('ipmi');
  const template = ipmi.text('hostname', 'the BMC\'s host name or address, with {node_id} in it', isWord);
  const port = ipmi.integer('port', ...PORT, 623);
  const username = ipmi.text('username', 'the BMC\'s user', isWord);
  const password = ipmi.text('password', 'the BMC\'s password', (text) => text.length > 0 && text.length <= 255);
  const access = (node: string) => ({ host: bmcHost(ipmi, template, node), port, username, password });
  return Object.fromEntries(nodes.map((node) => [node, access(node)]));
}

function readApi(section: ConfigReader): PvcConfig['api'] {
  const listen = section.section('listen');
  const authentication = section.section('authentication').flag('enabled', true);
  const tokens = section.sections('token').map((each) => ({
    description: each.text('description', 'a few words', isWord, 'API key'),
    token: each.text('token', 'a key of at least 8 characters without blanks', (text) => /^\S{8,255}$/.test(text)),
  }));
  if (authentication && tokens.length === 0) {
    section.fail('token', 'must hold at least one {description, token} while api.authentication.enabled is true');
  }
  return {
    address: listen.text('address', 'an IPv4 address, 0.0.0.0 for all', isAddress, '0.0.0.0'),
    port: listen.integer('port', ...PORT, 7370), authentication, tokens,
  };
}

function readPaths(path: ConfigReader): PvcConfig['paths'] {
  return {
    run: path.text('run_directory', PATH, isPath, '/run/pvc'),
    log: path.text('system_log_directory', PATH, isPath, '/var/log/pvc'),
    consoles: path.text('console_log_directory', PATH, isPath, '/var/log/libvirt'),
  };
}

/** Throws ConfigError when the text is no YAML. */
export function parseYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 100, logLevel: 'error' }) as unknown;
  } catch (error) {
    // ReferenceError is how the parser refuses an alias bomb.
    if (!(error instanceof YAMLError || error instanceof ReferenceError)) throw error;
    throw new ConfigError('', `not valid YAML: ${error.message.split('\n', 1)[0]}`);
  }
}

function warnUnread(reader: ConfigReader, warn: Warn): void {
  for (const path of reader.unread()) {
    const known = path.split('.').some((part) => PVC_KEYS.has(part.replace(/\[\d+\]$/, '')));
    warn(`${path} ${known ? 'has no effect in this version' : 'is not a known key and has no effect'}`);
  }
}

/**
 * text = the file; hostname = this host's, short or full. Throws ConfigError (one problem, with the
 * key's path and what is legal). Asserts the lease timings (safety rule 4).
 */
export function loadConfig(text: string, hostname: string, facts: ConfigFacts = {}): PvcConfig {
  const warn = facts.warn ?? (() => {});
  const reader = ConfigReader.of(parseYaml(text));
  const cluster = reader.section('cluster');
  const { node, allNodes, coordinators } = readNodes(cluster, hostname);
  const networks = readNetworks(cluster, allNodes);
  const timer = reader.section('timer');
  const telemetryMs = timer.integer('telemetry_interval_ms', 100, 10_000, HEARTBEAT_MS);
  const capacity = reader.section('capacity');
  const given = (key: string, most: number): number | null =>
    capacity.has(key) ? capacity.integer(key, 1, most) : null;
  const config: PvcConfig = {
    clusterName: cluster.text('name', 'a word', (each) => /^[\w.-]{1,64}$/.test(each), 'pvc'),
    node, allNodes, coordinators, ...networks,
    zookeeper: readZookeeper(reader.section('database'), telemetryMs),
    timers: { vmShutdownMs: timer.integer('vm_shutdown_timeout', 1, 86_400, 180) * 1000, telemetryMs },
    fencing: { bmc: readBmc(reader.section('fencing'), allNodes, warn) },
    targetSelector: reader.section('migration').oneOf('target_selector', SELECTORS, 'mem'),
    api: readApi(reader.section('api')),
    paths: readPaths(reader.section('path')),
    capacity: { memoryMiB: given('memory_mib', 2 ** 30), cpus: given('cpus', 65_536) },
    libvirtUri: reader.section('libvirt').text('uri', 'a libvirt URI', isWord, 'qemu:///system'),
    storage: readStorage(reader, coordinators.map((each) => networks.addresses[each]?.storage ?? each)),
  };
  if (coordinators.length % 2 === 0) warn('cluster.coordinator_nodes is even: one less survives as many losses');
  warnUnread(reader, warn);
  return config;
}

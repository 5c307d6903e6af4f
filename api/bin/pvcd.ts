#!/usr/bin/env node
/**
 * pvcd [--config FILE]: one node's daemon. Started by systemd (or the rack's init) and restarted always.
 * SIGTERM: it says that it restarts, hands over what is not bound to this node (actors/leaving.ts), and ends within
 * 5 s; its session, its lease and its guests stay: the next pvcd of this boot carries on. If systemd says that the
 * system goes down for good, it says so too, and nobody switches the node on again.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { createDaemon, type DaemonDeps, type Services } from '../../actors/daemon.js';
import type { PvcConfig } from '../../actors/config.js';
import { createAddresses } from '../../actors/drivers/addresses.js';
import { createCephClient, type CephClient } from '../../actors/drivers/ceph/client.js';
import { systemdServices } from '../../actors/drivers/ceph/osd-service.js';
import { createOsds } from '../../actors/drivers/ceph/osds.js';
import { watchFencing } from '../../actors/fencing-watch.js';
import { createCephStorage } from '../../actors/drivers/ceph/fencing.js';
import { watchMonitorPorts } from '../../actors/drivers/ceph/monitor-ports.js';
import { wrongAddress } from '../../actors/drivers/ceph/fencing-map.js';
import type { Storage } from '../../actors/drivers/storage.js';
import { cephVolumes } from '../../actors/drivers/ceph/volumes.js';
import type { Volumes } from '../../actors/drivers/volumes.js';
import { readHost } from '../../actors/drivers/host.js';
import { createIpmiBmc } from '../../actors/drivers/ipmi.js';
import { createLibvirtHypervisor, type LibvirtOptions } from '../../actors/drivers/libvirt/hypervisor.js';
import type { Osds } from '../../actors/drivers/osds.js';
import { createProbe } from '../../actors/drivers/probe.js';
import { readGoingDown } from '../../actors/drivers/system-state.js';
import { askGuard } from '../../actors/guard/ask.js';
import { installHook } from '../../actors/guard/hook.js';
import { readBootId } from '../../actors/guard/lease-file.js';
import { bootStateIn } from '../../actors/session-file.js';
import { runProgram } from '../../actors/process.js';
import { MACHINES } from '../../machines/registry.js';
import { systemClock } from '../../runtime/clock.js';
import { createLog, type Log } from '../../runtime/log.js';
import { never, type RunningChild } from '../../runtime/supervisor.js';
import { openZookeeper } from '../../runtime/zookeeper/store.js';
import { loadConfig } from '../config.js';

/** One pvcd a host: the kernel frees this name with the process that holds it, however that ends. */
const LOCK_NAME = '\0pvcd';
const STOP_LIMIT_MS = 5000;
/** For systemd to say whether the whole system goes down. */
const SYSTEMD_MS = 500;

function holdLock(): Promise<void> {
  return new Promise((resolve, reject) => {
    const lock = createServer();
    lock.once('error', () => reject(new Error('another pvcd runs on this node')));
    lock.listen(LOCK_NAME, () => {
      lock.unref();
      resolve();
    });
  });
}

/** libvirtd looks for its hook when it starts and at SIGHUP: a first installation is told to it. */
async function placeHook(config: PvcConfig, log: Log): Promise<void> {
  try {
    const { path, changed } = installHook('/etc/libvirt/hooks', `${config.paths.run}/lease`);
    if (!changed) return;
    log.info('installed the lease check of libvirt', { path });
    await runProgram('pkill', ['-HUP', '-x', 'libvirtd'], { deadlineMs: 2000 });
  } catch (error) {
    const consequence = 'the guard alone ends guests without a lease';
    log.error(`the lease check of libvirt could not be installed: ${consequence}`, { error });
  }
}

const packageVersion = (): string =>
  (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

function osName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}

/** Fastify is loaded only now: a restarted daemon must renew its lease before anything else. */
async function startApi(config: PvcConfig, services: Services, version: string, log: Log): Promise<RunningChild> {
  const { createApiServer } = await import('../server.js');
  const server = await createApiServer({
    config, feed: services.feed, gateway: services.gateway, cluster: services.admin,
    desk: services.desk, figures: services.figures,
    log: log.child('api'), clock: systemClock, node: config.node, version,
  });
  await server.listen({ host: config.api.address, port: config.api.port });
  log.info('the API listens', { address: config.api.address, port: config.api.port });
  return { failed: never(), stop: () => server.close() };
}

/** Null where the cluster has no storage. It is opened at once and connects when Ceph is there, now or later. */
async function openCeph({ storage }: PvcConfig, log: Log): Promise<CephClient | null> {
  return storage === null ? null : createCephClient({
    configFile: storage.confFile, clientName: storage.clientName, keyringFile: storage.adminKeyring,
    log: log.child('ceph'),
  });
}

/** How this node's guests reach their RBD disks. */
function guestStorage({ storage }: PvcConfig): Pick<LibvirtOptions, 'rbd'> {
  if (storage === null) return {};
  const { monitors, guestUser: username, guestKeyring: keyFile, secretUuid } = storage;
  return { rbd: { monitors, username, keyFile, secretUuid } };
}

/** Debian's ceph-osd brings the user, the units and the place of the data. */
const osdsOf = (config: PvcConfig, ceph: CephClient, log: Log): Osds => createOsds({
  ceph, services: systemdServices(), log: log.child('osds'), confPath: config.storage?.confFile ?? CEPH_CONF,
  dataPrefix: '/var/lib/ceph/osd/ceph-', user: 'ceph',
});
const CEPH_CONF = '/etc/ceph/ceph.conf';

/** null: entries for storage addresses hit Ceph's clients, for this node's own are such; or not known yet. */
const addressFlaw = (connection: CephClient, { node, addresses }: PvcConfig): string | null =>
  wrongAddress(connection.addresses, addresses[node]?.storage ?? '');

/** A boot's clients are those of its node's address on the storage network. */
function fencingBy(connection: CephClient, config: PvcConfig): Storage {
  const ports = watchMonitorPorts({
    monitors: config.storage?.monitors ?? [], own: Object.values(config.addresses[config.node] ?? {}),
    clock: systemClock, isConnected: () => connection.connected,
    onConnected: (listener) => connection.onConnected(listener),
  });
  return createCephStorage({
    connection, clock: systemClock, addressOf: (node) => config.addresses[node]?.storage ?? null,
    flaw: () => addressFlaw(connection, config), outOfReach: () => ports.outOfReach(),
  });
}

/** Pools and volumes over that connection; programs of Ceph and qemu get the same user. */
function volumesOf({ storage }: PvcConfig, ceph: CephClient): Volumes {
  const { confFile, clientName, adminKeyring: keyringFile } = storage!;
  return cephVolumes(ceph, { confFile, user: clientName.replace(/^client\./, ''), keyringFile });
}

/** What would spoil a fence, before one is needed: said in the log, and told with the node's telemetry. */
function watchFence(connection: CephClient | null, config: PvcConfig, log: Log): Pick<DaemonDeps, 'fenceFlaws'> {
  if (connection === null || config.storage === null) return {};
  const { clientName, guestUser } = config.storage;
  const flaw = (): string | null => addressFlaw(connection, config);
  const options = { user: clientName.replace(/^client\./, ''), guestUser, deadlineMs: 5000, flaw };
  const watch = watchFencing(connection, options, { clock: systemClock, log: log.child('fencing') });
  return { fenceFlaws: () => watch.flaws() };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string', default: process.env['PVC_CONFIG_FILE'] ?? '/etc/pvc/pvc.conf' },
      debug: { type: 'boolean', default: false },
    },
  });
  const log = createLog('pvcd', values.debug || process.env['PVC_DEBUG'] === '1' ? 'debug' : 'info');
  const config = loadConfig(readFileSync(values.config, 'utf8'), hostname(), { warn: (text) => log.warn(text) });
  const version = packageVersion();
  const bootId = readBootId();
  log.info('starts', { node: config.node, version, bootId, pid: process.pid });
  await holdLock();
  const { run, log: logs, consoles } = config.paths;
  for (const directory of [run, logs, consoles]) mkdirSync(directory, { recursive: true });
  await placeHook(config, log);
  const floating = createAddresses(config);
  void floating.release();
  const hypervisor = await createLibvirtHypervisor({
    uri: config.libvirtUri, consoleDir: config.paths.consoles, log: log.child('libvirt'), connectWaitMs: 0,
    ...guestStorage(config),
  });
  const ceph = await openCeph(config, log);
  let goesDown = false;
  const tree = createDaemon({
    config, clock: systemClock, log, facts: { bootId, version, os: osName() }, host: readHost(),
    definitions: MACHINES,
    ...(ceph === null ? {} : {
      ceph, osds: osdsOf(config, ceph, log), storage: fencingBy(ceph, config), volumes: volumesOf(config, ceph),
    }),
    ...watchFence(ceph, config, log),
    hypervisor, floating, bootState: bootStateIn(config.paths.run),
    bmc: createIpmiBmc(config.fencing.bmc), probe: createProbe(config.addresses),
    openStore: (options) => openZookeeper({ ...options, log: log.child('zookeeper'), clock: systemClock }),
    goesDown: () => goesDown,
    guardAnswers: () => askGuard({ bootId, clock: systemClock }),
    startApi: (services) => startApi(config, services, version, log),
  });
  const stop = (signal: string): void => {
    exitAtTheLatest();
    void readGoingDown(SYSTEMD_MS).then((system) => {
      log.info('stops', { signal, system: system ?? 'goes on' });
      goesDown = system === 'off';
      return tree.stop();
    }).then(() => Promise.all([hypervisor.close(), ceph?.close()])).finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await tree.run();
}

const exitAtTheLatest = (): void => void systemClock.after(STOP_LIMIT_MS, () => process.exit(0), true);

main().catch((error: unknown) => {
  createLog('pvcd').error('ends', { error });
  process.exit(1);
});

/** What this node tells of itself with every heartbeat. Figures are gathered beside the heartbeat, never in it. */
import type { NodeTelemetry } from '../machines/node/telemetry.js';
import type { Clock } from '../runtime/clock.js';
import type { PvcConfig } from './config.js';
import type { FencingFlaw } from './drivers/ceph/fencing-preflight.js';
import type { HostFigures } from './drivers/host.js';
import type { DomainStats, Hypervisor } from './drivers/hypervisor.js';
import type { Storage } from './drivers/storage.js';

export interface TelemetrySource {
  blob(incarnation: string): NodeTelemetry;
  /** Reads the guests' figures anew, where there may be any; bounded, never throws. */
  refresh(): Promise<void>;
  close(): void;
}

/** A node without guests looks for some every so many heartbeats; libvirt tells of each that comes meanwhile. */
const EMPTY_EVERY = 5;

/** What is told of a guest. */
const figuresOf = ({ uuid, name, state, memoryMaxKib, memoryKib, vcpus, cpuTimeNs, rssKib, vnc }: DomainStats) => (
  { uuid, name, state, memoryMaxKib, memoryKib, vcpus, cpuTimeNs, rssKib, vnc });
type GuestFigures = ReturnType<typeof figuresOf>;

const isSame = (one: GuestFigures, other: GuestFigures | undefined): boolean => other !== undefined
  && one.uuid === other.uuid && one.cpuTimeNs === other.cpuTimeNs && one.state === other.state
  && one.name === other.name && one.memoryMaxKib === other.memoryMaxKib && one.memoryKib === other.memoryKib
  && one.vcpus === other.vcpus && one.rssKib === other.rssKib && one.vnc === other.vnc;

const isUp = (guest: DomainStats): boolean => guest.state !== 'off' && guest.state !== 'crashed';

export function createTelemetry(
  config: PvcConfig, hypervisor: Hypervisor, clock: Clock, facts: { bootId: string; version: string; os: string },
  host: HostFigures, storage: Storage | null = null, fenceFlaws: () => readonly FencingFlaw[] = () => [],
): TelemetrySource {
  let guests: readonly DomainStats[] = [];
  /** Of those that are up: the same list as long as nothing in it changes, so that it is encoded once. */
  let figures: readonly GuestFigures[] = [];
  const take = (found: readonly DomainStats[]): void => {
    guests = found;
    const up = found.filter(isUp);
    if (up.length !== figures.length || !up.every((one, at) => isSame(one, figures[at]))) figures = up.map(figuresOf);
  };
  let reading = false;
  let quietBeats = 0;
  const unlisten = hypervisor.onEvent(() => { quietBeats = 0; });
  const { capacity } = config;
  const constant = {
    kernel: host.kernel, os: facts.os, arch: host.arch, cpuCount: capacity.cpus ?? host.cpuCount,
  };
  return {
    close: unlisten,
    async refresh() {
      quietBeats += 1;
      if (reading || guests.length === 0 && quietBeats > EMPTY_EVERY && quietBeats % EMPTY_EVERY !== 0) return;
      reading = true;
      const outcome = await hypervisor.stats();
      if (outcome.kind === 'done') take(outcome.value);
      reading = false;
    },
    blob(incarnation) {
      const allocatedMiB = Math.round(figures.reduce((sum, guest) => sum + guest.memoryMaxKib, 0) / 1024);
      // A node whose capacity is given by its configuration shares the host with others: count its own guests only.
      const { totalMiB, availableMiB } = capacity.memoryMiB === null ? host.memory()
        : { totalMiB: capacity.memoryMiB, availableMiB: Math.max(0, capacity.memoryMiB - allocatedMiB) };
      return {
        node: config.node, bootId: facts.bootId, incarnation, at: clock.wallMs(), version: facts.version,
        ...constant, load: Math.round(host.load() * 100) / 100,
        memory: { totalMiB, usedMiB: Math.max(0, totalMiB - availableMiB), freeMiB: availableMiB, allocatedMiB },
        vcpusAllocated: figures.reduce((sum, guest) => sum + guest.vcpus, 0),
        hypervisor: hypervisor.connected,
        ...(storage === null ? {} : { storage: storage.connected }),
        ...(fenceFlaws().length === 0 ? {} : { fenceFlaws: fenceFlaws() }),
        ...(storage?.outOfReach === true ? { storageOutOfReach: true } : {}),
        guests: figures,
      };
    },
  };
}

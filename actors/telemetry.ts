/** What this node tells of itself with every heartbeat. Figures are gathered beside the heartbeat, never in it. */
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release } from 'node:os';
import type { NodeTelemetry } from '../machines/node/telemetry.js';
import type { Clock } from '../runtime/clock.js';
import type { PvcConfig } from './config.js';
import type { DomainStats, Hypervisor } from './drivers/hypervisor.js';

export interface TelemetrySource {
  blob(incarnation: string): NodeTelemetry;
  /** Reads the guests' figures anew, where there may be any; bounded, never throws. */
  refresh(): Promise<void>;
  close(): void;
}

/** A node without guests looks for some every so many heartbeats; libvirt tells of each that comes meanwhile. */
const EMPTY_EVERY = 5;

/** Figures for `name:` lines of /proc/meminfo, in MiB. */
function hostMemory(): { totalMiB: number; availableMiB: number } {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { totalMiB: Math.floor(kib('MemTotal') / 1024), availableMiB: Math.floor(kib('MemAvailable') / 1024) };
}

const isUp = (guest: DomainStats): boolean => guest.state !== 'off' && guest.state !== 'crashed';

export function createTelemetry(
  config: PvcConfig, hypervisor: Hypervisor, clock: Clock, facts: { bootId: string; version: string; os: string },
): TelemetrySource {
  let guests: readonly DomainStats[] = [];
  let reading = false;
  let quietBeats = 0;
  const unlisten = hypervisor.onEvent(() => { quietBeats = 0; });
  // Asked once: each costs a system call or more, and none of them changes while a daemon lives.
  const host = {
    kernel: release(), os: facts.os, arch: arch() === 'x64' ? 'x86_64' : arch(),
    cpuCount: config.capacity.cpus ?? cpus().length,
  };
  return {
    close: unlisten,
    async refresh() {
      quietBeats += 1;
      if (reading || guests.length === 0 && quietBeats > EMPTY_EVERY && quietBeats % EMPTY_EVERY !== 0) return;
      reading = true;
      const outcome = await hypervisor.stats();
      if (outcome.kind === 'done') guests = outcome.value;
      reading = false;
    },
    blob(incarnation) {
      const up = guests.filter(isUp);
      const allocatedMiB = Math.round(up.reduce((sum, guest) => sum + guest.memoryMaxKib, 0) / 1024);
      const memory = hostMemory();
      const totalMiB = config.capacity.memoryMiB ?? memory.totalMiB;
      // A node whose capacity is given by its configuration shares the host with others: count its own guests only.
      const freeMiB = config.capacity.memoryMiB === null ? memory.availableMiB : Math.max(0, totalMiB - allocatedMiB);
      return {
        node: config.node, bootId: facts.bootId, incarnation, at: clock.wallMs(), version: facts.version,
        ...host, load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
        memory: { totalMiB, usedMiB: Math.max(0, totalMiB - freeMiB), freeMiB, allocatedMiB },
        vcpusAllocated: up.reduce((sum, guest) => sum + guest.vcpus, 0),
        hypervisor: hypervisor.connected,
        guests: up.map(({ uuid, name, state, memoryMaxKib, memoryKib, vcpus, cpuTimeNs, rssKib, vnc }) => (
          { uuid, name, state, memoryMaxKib, memoryKib, vcpus, cpuTimeNs, rssKib, vnc })),
      };
    },
  };
}

/** The Hypervisor contract on the simulated libvirt: two machines, in virtual time that runs as fast as it can. */
import assert from 'node:assert/strict';
import type { Hypervisor } from '../actors/drivers/hypervisor.js';
import { hypervisorContract } from '../fixtures/contracts/hypervisor.js';
import type { Side } from '../fixtures/contracts/hypervisor-bench.js';
import { DomainEvents } from '../fixtures/sim/domain-events.js';
import { EnsembleWorld } from '../fixtures/sim/ensemble-world.js';
import {
  endDomain, HYPERVISOR_TIMES, SimHypervisor, type Machine, type SimHypervisorDeps,
} from '../fixtures/sim/hypervisor.js';

/** A move that takes longer than any deadline of the contract. */
const SLOW_MS = 120_000;

function machineOf(name: string): Machine {
  return {
    name, domains: new Map(), starting: new Set(), powered: true, frozen: false, libvirtd: true, leased: () => true,
  };
}

const simDisk = (dev: string, number: number, more = ''): string =>
  `<disk type='file' device='disk'><source file='/disks/${number}'/><target dev='${dev}' bus='scsi'/>${more}</disk>`;

function uuidOf(machine: Machine, name: string): string {
  const domain = [...machine.domains.values()].find((each) => each.name === name);
  return domain?.uuid ?? assert.fail(`${name} does not run on ${machine.name}`);
}

hypervisorContract('simulated', async () => {
  const world = new EnsembleWorld(1, [], ['source', 'target']);
  const halt = world.runFreely();
  const { time, network } = world;
  const machines = { source: machineOf('source'), target: machineOf('target') };
  const times = { ...HYPERVISOR_TIMES };
  const deps: SimHypervisorDeps = {
    time, times, onGuest: () => undefined, onCopies: () => undefined,
    wishes: {
      startFails: () => null, migrationFails: () => null, stopFails: () => false, ignoresShutdown: () => true,
      isRbd: () => true,
      sizeOf: () => ({ memoryMiB: 32, vcpus: 1 }),
    },
    machineAt: (address) => address === 'target' ? machines.target : null,
    talks: (one, other) => network.talks(one, other, 'cluster'),
  };
  const events = {
    source: new DomainEvents(() => machines.source.libvirtd && !machines.source.frozen),
    target: new DomainEvents(() => machines.target.libvirtd && !machines.target.frozen),
  };
  const make = (side: Side): SimHypervisor =>
    new SimHypervisor(machines[side], events[side], world.process(side), deps);
  const adapters = { source: make('source'), target: make('target') };
  const wake = (side: Side, change: Partial<Machine>): void => {
    Object.assign(machines[side], change);
    events[side].tellMissed();
  };
  const { source, target }: { source: Hypervisor; target: Hypervisor } = adapters;
  return {
    source, target, targetHost: 'target', deadHost: 'nobody', readsDefinitions: false,
    clock: world.process('source').clock,
    guestXml: () => '<domain type="sim"/>',
    devices: {
      guestXml: (_uuid, _name, writes) => `<domain><devices>${writes ? simDisk('hda', 0) : ''}</devices></domain>`,
      diskXml: simDisk,
      breakDisk: async (name) => adapters.source.breakDisks(uuidOf(machines.source, name), true),
      mendDisk: async (name) => adapters.source.breakDisks(uuidOf(machines.source, name), false),
    },
    async killGuest(side, name) {
      const uuid = uuidOf(machines[side], name);
      endDomain(machines[side], uuid, deps, 'killed');
      events[side].emit({ uuid, type: 'crashed', detail: 'QEMU crashed' });
    },
    killDaemon: async (side) => { machines[side].libvirtd = false; },
    startDaemon: async (side) => wake(side, { libvirtd: true }),
    breakDriver: async (side, how) => adapters[side].calls.breakDriver(how),
    async freezeDaemon(side) {
      machines[side].frozen = true;
      return async () => wake(side, { frozen: false });
    },
    async slowMigration() {
      Object.assign(times, { migrateMs: SLOW_MS });
    },
    stop: async () => halt(),
  };
});

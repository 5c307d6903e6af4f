/**
 * Every kind of actor. Adding one: a folder with machine, messages, states (and admission, view if users see it),
 * and a line here.
 */
import { denyInvalid } from './admission.js';
import { AGENT_MACHINE_VERSION, AGENT_STATES, agentMachine } from './agent/machine.js';
import { BENCHMARK_EFFECT_NAMES } from './benchmark/effects.js';
import {
  admitBenchmark, BENCHMARK_COMMAND_TYPES, BENCHMARK_MACHINE_VERSION, BENCHMARK_STATES, benchmarkMachine,
} from './benchmark/machine.js';
import { admitCeph } from './ceph/admission.js';
import { CEPH_MACHINE_VERSION, cephMachine } from './ceph/machine.js';
import { CEPH_COMMAND_TYPES } from './ceph/messages.js';
import { CEPH_STATES } from './ceph/states.js';
import type { MachineDefinition } from './definition.js';
import { AGENT_EFFECT_NAMES, NODE_EFFECT_NAMES, VM_EFFECT_NAMES } from './effects.js';
import { admitNode } from './node/admission.js';
import { nodeMayForget } from './node/forget.js';
import { NODE_MACHINE_VERSION, NODE_MIGRATIONS, nodeMachine } from './node/machine.js';
import { NODE_COMMAND_TYPES } from './node/messages.js';
import { NODE_STATES } from './node/states.js';
import { admitOsd } from './osd/admission.js';
import { OSD_EFFECT_NAMES } from './osd/effects.js';
import { osdMayForget } from './osd/forget.js';
import { OSD_MACHINE_VERSION, osdMachine } from './osd/machine.js';
import { OSD_COMMAND_TYPES } from './osd/messages.js';
import { OSD_STATES } from './osd/states.js';
import { admitVm } from './vm/admission.js';
import { vmMayForget } from './vm/forget.js';
import { VM_MACHINE_VERSION, vmMachine } from './vm/machine.js';
import { VM_COMMAND_TYPES } from './vm/messages.js';
import { VM_STATES } from './vm/states.js';
import { admitPool, poolMayForget } from './pool/admission.js';
import { POOL_EFFECT_NAMES } from './pool/effects.js';
import { POOL_MACHINE_VERSION, poolMachine } from './pool/machine.js';
import { POOL_COMMAND_TYPES } from './pool/messages.js';
import { POOL_STATES } from './pool/states.js';
import { admitVolume, volumeMayForget } from './volume/admission.js';
import { VOLUME_EFFECT_NAMES } from './volume/effects.js';
import { VOLUME_MACHINE_VERSION, volumeMachine } from './volume/machine.js';
import { VOLUME_COMMAND_TYPES } from './volume/messages.js';
import { VOLUME_STATES } from './volume/states.js';

export const MACHINES: readonly MachineDefinition[] = [
  {
    kind: 'vm',
    version: VM_MACHINE_VERSION,
    machine: vmMachine,
    admit: admitVm,
    mayForget: vmMayForget,
    states: VM_STATES,
    commands: VM_COMMAND_TYPES,
    worldEffects: VM_EFFECT_NAMES,
  },
  {
    kind: 'node',
    version: NODE_MACHINE_VERSION,
    migrate: NODE_MIGRATIONS,
    machine: nodeMachine,
    admit: admitNode,
    mayForget: nodeMayForget,
    states: NODE_STATES,
    commands: NODE_COMMAND_TYPES,
    worldEffects: NODE_EFFECT_NAMES,
  },
  {
    kind: 'agent',
    version: AGENT_MACHINE_VERSION,
    machine: agentMachine,
    states: AGENT_STATES,
    admit: (_snapshot, command) => denyInvalid(`A node's agent takes no commands of users: "${command.type}"`),
    commands: [],
    worldEffects: AGENT_EFFECT_NAMES,
  },
  {
    kind: 'osd',
    version: OSD_MACHINE_VERSION,
    machine: osdMachine,
    admit: admitOsd,
    mayForget: osdMayForget,
    states: OSD_STATES,
    commands: OSD_COMMAND_TYPES,
    worldEffects: OSD_EFFECT_NAMES,
  },
  {
    kind: 'pool',
    version: POOL_MACHINE_VERSION,
    machine: poolMachine,
    admit: admitPool,
    mayForget: poolMayForget,
    states: POOL_STATES,
    commands: POOL_COMMAND_TYPES,
    worldEffects: POOL_EFFECT_NAMES,
  },
  {
    kind: 'volume',
    version: VOLUME_MACHINE_VERSION,
    machine: volumeMachine,
    admit: admitVolume,
    mayForget: volumeMayForget,
    states: VOLUME_STATES,
    commands: VOLUME_COMMAND_TYPES,
    worldEffects: VOLUME_EFFECT_NAMES,
  },
  {
    kind: 'benchmark',
    version: BENCHMARK_MACHINE_VERSION,
    machine: benchmarkMachine,
    admit: admitBenchmark,
    states: BENCHMARK_STATES,
    commands: BENCHMARK_COMMAND_TYPES,
    worldEffects: BENCHMARK_EFFECT_NAMES,
  },
  {
    kind: 'ceph',
    version: CEPH_MACHINE_VERSION,
    machine: cephMachine,
    admit: admitCeph,
    states: CEPH_STATES,
    commands: CEPH_COMMAND_TYPES,
    worldEffects: [],
  },
];

export const machineOf = (kind: string): MachineDefinition | undefined =>
  MACHINES.find((definition) => definition.kind === kind);

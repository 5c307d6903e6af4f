import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createIpmiBmc, parsePower } from '../actors/drivers/ipmi.js';
import { bmcContract } from '../fixtures/contracts/bmc.js';
import { startIpmiSim } from '../fixtures/ipmi-sim.js';
import { EnsembleWorld } from '../fixtures/sim/ensemble-world.js';
import { simBmc, type BmcMode, type PowerSocket } from '../fixtures/sim/power.js';

const PORT = 6236;
const DEAD_PORT = 6237;

bmcContract('ipmitool with ipmi_sim', async () => {
  const sim = await startIpmiSim(PORT);
  const access = { host: '127.0.0.1', port: PORT, username: sim.username, password: sim.password };
  return {
    bmc: createIpmiBmc({ hv1: access, hv2: { ...access, port: DEAD_PORT } }),
    withWrongPassword: createIpmiBmc({ hv1: { ...access, password: 'guess' } }),
    node: 'hv1', deadNode: 'hv2',
    mood: sim.mood, power: sim.power, setPower: sim.setPower, stop: sim.stop,
  };
});

bmcContract('simulated', async () => {
  const world = new EnsembleWorld(1, [], ['hv9']);
  const halt = world.runFreely();
  const process = world.process('hv9');
  const socketOf = (name: string, bmc: BmcMode): PowerSocket => ({
    name, powered: true, frozen: false, bmc,
    setPower(power) { this.powered = power === 'on'; },
  });
  const sockets: readonly PowerSocket[] = [socketOf('hv1', 'ok'), socketOf('hv2', 'dead')];
  const [socket] = sockets;
  if (socket === undefined) throw new Error('there is no socket');
  return {
    bmc: simBmc('hv9', process, world.time, world.network,
      (node) => sockets.find(({ name }) => name === node) ?? null),
    withWrongPassword: null, node: 'hv1', deadNode: 'hv2', clock: process.clock,
    mood: (mood) => { socket.bmc = mood; },
    power: () => socket.powered ? 'on' : 'off',
    setPower: (power) => { socket.powered = power === 'on'; },
    stop: async () => halt(),
  };
});

describe('the words of ipmitool', () => {
  it('are read by their meaning, in any case', () => {
    assert.equal(parsePower('Chassis Power is on\n'), 'on');
    assert.equal(parsePower('CHASSIS POWER IS OFF\n'), 'off');
    assert.equal(parsePower('Running Get VSO\nchassis power is Off\r\n'), 'off');
  });
  it('that are neither on nor off, or both, are not guessed at', () => {
    const texts = ['', 'Chassis Power is unknown\n', 'Chassis Power is on fire\n', 'off\n',
      'Chassis Power is on\nChassis Power is off\n', 'Chassis Power is not off\n'];
    for (const text of texts) assert.equal(parsePower(text), null, text);
  });
  it('a tool that is not installed is unknown', async () => {
    const access = { host: '127.0.0.1', port: 1, username: 'u', password: 'p' };
    const bmc = createIpmiBmc({ hv1: access }, { program: 'no-such-ipmitool' });
    const outcome = await bmc.read('hv1', 1000);
    assert.equal(outcome.kind, 'unknown');
    assert.match(outcome.kind === 'unknown' ? outcome.reason : '', /not installed/);
  });
});

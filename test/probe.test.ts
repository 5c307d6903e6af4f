/** Signs of life and floating addresses over real cables to a private host. */
import assert from 'node:assert/strict';
import { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAddresses } from '../actors/drivers/addresses.js';
import { createProbe } from '../actors/drivers/probe.js';
import { runProgram } from '../actors/process.js';
import { startPrivateHost, type PrivateHost } from '../fixtures/private-host.js';
import { systemClock } from '../runtime/clock.js';
import { newToken } from '../runtime/random.js';

const GUARD = fileURLToPath(new URL('../api/bin/pvc-guard.js', import.meta.url));
const token = newToken(3);
const cables = { upstream: `pt${token}u`, cluster: `pt${token}c`, storage: `pt${token}s` };
const probe = createProbe({
  hv1: { upstream: '10.251.0.1', cluster: '10.251.1.1', storage: '10.251.2.1' },
  gone: { upstream: '10.251.0.9', cluster: '10.251.1.9', storage: '10.251.2.9' },
});
const signs = async (node = 'hv1', timeoutMs = 800): Promise<readonly string[]> =>
  (await probe.signs(node, timeoutMs)).answered;

describe('signs of life', { concurrency: 1 }, () => {
  let host: PrivateHost;
  const run = mkdtempSync(join(tmpdir(), 'pvc-probe-'));
  before(async () => {
    host = await startPrivateHost();
    let net = 0;
    for (const cable of Object.values(cables)) {
      await host.cable(cable, `10.251.${net}.254/24`, `10.251.${net}.1/24`);
      net += 1;
    }
  });
  after(async () => {
    await host?.stop();
    rmSync(run, { recursive: true, force: true });
  });

  it('a host that is up answers on every network, at once', async () => {
    const begun = systemClock.monotonicMs();
    assert.deepEqual(await signs('hv1', 5000), ['upstream', 'cluster', 'storage']);
    assert.ok(systemClock.monotonicMs() - begun < 2500);
  });
  it('a pulled cable is a silent network', async () => {
    await host.carry(cables.cluster, false);
    assert.deepEqual(await signs(), ['upstream', 'storage']);
    await host.carry(cables.cluster, true);
  });
  it('no host, an unknown node: no sign, within the time', async () => {
    const begun = systemClock.monotonicMs();
    assert.deepEqual(await signs('gone', 700), []);
    assert.ok(systemClock.monotonicMs() - begun < 700 + 800);
    await assert.rejects(signs('nobody'), /names no addresses of node nobody/, 'never to be taken for silence');
  });
  it('a host that answers no echo is told by its guard, under its own name only', async () => {
    await host.exec('sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all']);
    assert.deepEqual(await signs(), []);
    for (const [name, expected] of [['hv2', []], ['hv1', ['upstream', 'cluster', 'storage']]] as const) {
      const own = readlinkSync('/proc/self/ns/pid');
      const start = `[ "$(readlink /proc/self/ns/pid)" != "${own}" ] && exec "$0" "$@"`;
      const guard = host.spawn('sh', ['-c', start, process.execPath, GUARD, '--run', run, '--node', name]);
      await new Promise<void>((resolve) => guard.standIn.stderr?.once('data', () => resolve()));
      assert.deepEqual(await signs('hv1', 1500), expected);
      const ended = new Promise((resolve) => guard.standIn.once('exit', resolve));
      guard.signal('SIGKILL');
      await ended;
    }
  });
  it('floating addresses are held and released, once or twice, and the neighbours learn of it', async () => {
    const network = (name: keyof typeof cables, net: number) => ({
      device: cables[name], networkAddress: `10.251.${net}.0/24`, floatingAddress: `10.251.${net}.250/24`,
    });
    const networks = {
      upstream: network('upstream', 0), cluster: network('cluster', 1), storage: network('storage', 2),
    };
    const addresses = createAddresses({ networks });
    const held = async (): Promise<number> => {
      const { stdout } = await runProgram('ip', ['-4', '-o', 'addr'], { deadlineMs: 3000 });
      return stdout.match(/ 10\.251\.[012]\.250\/24 /g)?.length ?? 0;
    };
    const done = { kind: 'done', value: null };
    assert.deepEqual(await addresses.release(), done);
    assert.deepEqual([await addresses.hold(), await addresses.hold()], [done, done]);
    assert.equal(await held(), 3);
    assert.equal((await host.exec('ping', ['-n', '-c', '1', '-W', '2', '10.251.1.250'])).status, 0);
    assert.deepEqual([await addresses.release(), await addresses.release()], [done, done]);
    assert.equal(await held(), 0);
    const wrong = createAddresses({ networks: { ...networks, storage: { ...networks.storage, device: 'nosuch0' } } });
    assert.equal((await wrong.hold()).kind, 'refused');
    await wrong.release();
  });
});

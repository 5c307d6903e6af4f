/** The connection to Ceph (actors/drivers/ceph) on a real cluster: what each call does, refuses, and does not know. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { createCephClient, type CephClient } from '../actors/drivers/ceph/client.js';
import type { ImageClient } from '../actors/drivers/ceph/connection.js';
import { blocklistEntries, parseReply } from '../actors/drivers/ceph/reply.js';
import { CephPools } from '../actors/drivers/ceph/volumes-pools.js';
import { spawnProgram } from '../actors/process.js';
import { startCeph, type CephCluster, type CephDaemon } from '../fixtures/ceph.js';
import {
  eventually, image, LONG_WAIT_MS, MIB, reason, snapshot, SOON, value,
} from '../fixtures/contracts/ceph-bench.js';
import { cephImagesContract } from '../fixtures/contracts/ceph-images.js';
import { systemClock as clock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';

const log = createLog('ceph-connection-test', 'error');

/** A lost leader is followed within seconds, not 15. */
const MONITORS = ['mon lease = 2', 'mon election timeout = 2'];

let cluster: CephCluster;
let ceph: CephClient;

const connect = (configFile: string, connectWaitMs: number): Promise<CephClient> => createCephClient({
  configFile, clientName: 'client.admin', keyringFile: null, log, connectWaitMs,
});

before(async () => {
  cluster = await startCeph({ network: '127.0.82', mons: 3, osds: 2, settings: MONITORS });
  ceph = await connect(cluster.confFile, LONG_WAIT_MS);
});
after(async () => {
  await ceph?.close();
  await cluster?.stop();
});

const monitors = (): readonly CephDaemon[] => cluster.daemons.filter((name) => name.startsWith('mon.'));
const osds = (): readonly CephDaemon[] => cluster.daemons.filter((name) => name.startsWith('osd.'));
const osdStat = (deadlineMs = SOON.deadlineMs, hedge = false): ReturnType<CephClient['command']> =>
  ceph.command({ command: { prefix: 'osd stat' }, deadlineMs, hedge });
const blocklist = (blocklistop: 'add' | 'rm', addr: string): ReturnType<CephClient['command']> =>
  ceph.command({ command: { prefix: 'osd blocklist', blocklistop, addr }, ...SOON });
const entries = async (): Promise<ReturnType<typeof blocklistEntries>> =>
  blocklistEntries(value(await ceph.command({ command: { prefix: 'osd blocklist ls' }, ...SOON })).output);

describe('commands', () => {
  it('are answered by a monitor, the manager, an OSD', async () => {
    assert.equal(ceph.connected, true);
    const stat = value(await osdStat()).output as { epoch: number; num_osds: number };
    assert.equal(stat.num_osds, 2);
    const pgs = value(await ceph.command({ command: { prefix: 'pg stat' }, target: 'mgr', ...SOON })).output;
    assert.ok((pgs as { pg_summary?: unknown }).pg_summary);
    const osd = value(await ceph.command({ command: { prefix: 'version' }, target: 'osd.1', ...SOON })).output;
    assert.match((osd as { version: string }).version, /^\d+\.\d+/);
  });

  it('take input, and give text as text', async () => {
    const put = { prefix: 'config-key set', key: 'pvc-test' };
    value(await ceph.command({ command: put, input: Buffer.from('wörd\n'), ...SOON }));
    const got = await ceph.command({ command: { prefix: 'config-key get', key: 'pvc-test' }, ...SOON });
    assert.equal(value(got).output, 'wörd\n');
  });

  it('are refused with the reason that Ceph gives', async () => {
    assert.match(reason(await ceph.command({ command: { prefix: 'nonsense' }, ...SOON }), 'refused'), /^EINVAL: /);
    const nobody = await ceph.command({ command: { prefix: 'version' }, target: 'osd.77', ...SOON });
    assert.match(reason(nobody, 'refused'), /^(ENOENT|ENXIO): /);
  });

  it('wait for an osdmap that is there, and do not know of one that is not', async () => {
    const { epoch } = value(await osdStat()).output as { epoch: number };
    assert.ok(value(await ceph.waitForOsdmap(epoch, SOON)) >= epoch);
    const ends = await Promise.all([1, 2, 3].map(() => ceph.waitForOsdmap(epoch, SOON)));
    for (const end of ends) assert.ok(value(end) >= epoch);
    const never = reason(await ceph.waitForOsdmap(epoch + 1000, { deadlineMs: 400 }), 'unknown');
    // The worker's word, or, where it comes too late, its port's.
    assert.match(never, /not yet at|no answer within 500 ms/);
  });

  it('printed as several JSON values, or as none', () => {
    const both = parseReply('[{"addr":"10.0.0.1:0/0","until":"x"}]\n[{"range":"10.1.0.0:0/24","until":"y"}]');
    assert.deepEqual(blocklistEntries(both).map(({ address }) => address), ['10.0.0.1:0/0', '10.1.0.0:0/24']);
    assert.deepEqual(parseReply('{"a":"]}["}[]'), [{ a: ']}[' }, []]);
    assert.equal(parseReply(' \n'), null);
    assert.equal(parseReply('[not JSON'), '[not JSON');
    assert.deepEqual(blocklistEntries('nothing'), []);
  });
});

cephImagesContract(() => cluster, () => ceph);

describe('the lock of an image', () => {
  it('is taken from an owner that stands still, without touching its entry on the blocklist', async () => {
    const held = image('held');
    value(await ceph.createImage(held, 64 * MIB, SOON));
    assert.deepEqual(value(await ceph.watchers(held, SOON)), []);
    const holder = spawnProgram('rbd', [
      '-c', cluster.confFile, 'bench', '--io-type', 'write', '--io-size', '4096', '--io-threads', '1',
      '--io-total', '64G', '--io-pattern', 'rand', 'vms/held',
    ], { stdio: 'ignore' });
    const ended = once(holder, 'exit');
    try {
      let owner: ImageClient | null = null;
      await eventually('it holds the lock', async () => {
        owner = value(await ceph.lockOwner(held, SOON));
        return owner !== null;
      });
      const { address, id } = owner ?? assert.fail('nobody');
      assert.deepEqual(value(await ceph.watchers(held, SOON)), [{ address, id }]);
      // librbd would take the lock before it looks who else has the image open, and the owner's writes fail for that.
      for (let time = 0; time < 20; time++) {
        assert.match(reason(await ceph.removeImage(held, SOON), 'refused'), /^EBUSY: .*open/);
        assert.deepEqual(value(await ceph.lockOwner(held, SOON)), { address, id });
      }
      holder.kill('SIGSTOP');
      const expire = 86_400;
      value(await ceph.command({
        command: { prefix: 'osd blocklist', blocklistop: 'add', addr: address, expire }, hedge: true, ...SOON,
      }));
      const { epoch } = value(await osdStat()).output as { epoch: number };
      value(await ceph.waitForOsdmap(epoch, SOON));
      const entryOf = async (): Promise<string> =>
        (await entries()).find((entry) => entry.address === address)?.until ?? assert.fail('no entry');
      const until = await entryOf();
      const other = { address: '127.0.0.1:0/1', id: 1 };
      assert.match(reason(await ceph.breakLock(held, other, SOON), 'refused'), /^EBUSY: .*somebody else/);
      value(await ceph.breakLock(held, { address, id }, SOON));
      value(await ceph.breakLock(held, { address, id }, SOON));
      assert.equal(value(await ceph.lockOwner(held, SOON)), null);
      // librbd's own way of breaking a lock would have put an hour in place of the day.
      assert.equal(await entryOf(), until);
      holder.kill('SIGCONT');
      assert.notEqual((await ended)[0], 0, 'the old owner writes no more');
      value(await ceph.removeImage(held, SOON));
    } finally {
      holder.kill('SIGKILL');
    }
  });
});

describe('a full pool', () => {
  it('turns down what needs room, with the reason, and gives room back; nothing waits', async () => {
    const pools = new CephPools(ceph);
    const fullIs = (wanted: 'quota' | undefined): Promise<void> => eventually(`full: ${wanted}`, async () =>
      value(await pools.list(SOON)).find(({ name }) => name === 'vms')?.full === wanted);
    value(await ceph.createImage(image('first'), MIB, SOON));
    value(await ceph.createSnapshot(snapshot('first', 's'), SOON));
    await cluster.ceph('osd', 'pool', 'set-quota', 'vms', 'max_objects', '1');
    await fullIs('quota');
    assert.match(reason(await ceph.createImage(image('second'), MIB, SOON), 'refused'), /^EDQUOT: .*quota/);
    assert.equal(value(await ceph.imageInfo(image('second'), SOON)), null);
    value(await ceph.removeSnapshot(snapshot('first', 's'), SOON));
    value(await ceph.removeImage(image('first'), SOON));
    await cluster.ceph('osd', 'pool', 'set-quota', 'vms', 'max_objects', '0');
    await fullIs(undefined);
    value(await ceph.createImage(image('second'), MIB, SOON));
    value(await ceph.removeImage(image('second'), SOON));
  });
});

describe('what is lost', () => {
  it('the monitors\' leader: the others answer once they have another', async () => {
    cluster.freeze('mon.a');
    for (const hedge of [true, false]) {
      await eventually('an answer', async () => (await osdStat(10_000, hedge)).kind === 'done');
    }
    cluster.thaw('mon.a');
  });

  it('all monitors: nothing is known, until they are back', async () => {
    await eventually('it is connected', () => ceph.connected);
    for (const name of monitors()) cluster.freeze(name);
    const heard: boolean[] = [];
    const forget = ceph.onConnected((connected) => heard.push(connected));
    const started = clock.monotonicMs();
    for (const outcome of await Promise.all([
      osdStat(500), ceph.waitForOsdmap(1, { deadlineMs: 500 }), osdStat(500, true),
    ])) reason(outcome, 'unknown');
    assert.ok(clock.monotonicMs() - started >= 500);
    await eventually('it knows that it has no connection', () => !ceph.connected);
    for (const name of monitors()) cluster.thaw(name);
    await eventually('it is connected again', () => ceph.connected);
    value(await osdStat());
    // A machine that stands still in between may be heard once more.
    assert.deepEqual([heard[0], heard.at(-1)], [false, true]);
    forget();
  });

  it('OSDs: images are not known, but monitors answer', async () => {
    value(await ceph.createImage(image('quiet'), MIB, SOON));
    for (const name of osds()) cluster.freeze(name);
    const asked = Array.from({ length: 20 }, () => ceph.imageInfo(image('quiet'), { deadlineMs: 2000 }));
    value(await osdStat());
    for (const outcome of await Promise.all(asked)) assert.notEqual(outcome.kind, 'done');
    for (const name of osds()) cluster.thaw(name);
    await eventually('images are told again', async () =>
      (await ceph.imageInfo(image('quiet'), SOON)).kind === 'done');
    value(await ceph.removeImage(image('quiet'), SOON));
  });

  it('the process in the middle of a change: unknown, and the next call is answered by another', async () => {
    value(await ceph.createImage(image('killed'), 8192 * MIB, SOON));
    value(await ceph.createSnapshot(snapshot('killed', 's'), SOON));
    value(await ceph.cloneImage(snapshot('killed', 's'), image('killed-clone'), SOON));
    const pid = ceph.workerPid ?? assert.fail('no worker');
    const cut = await ceph.flattenImage(image('killed-clone'), {
      ...SOON, progress: () => process.kill(pid, 'SIGKILL'),
    });
    reason(cut, 'unknown');
    const meanwhile = await ceph.images('vms', SOON);
    if (meanwhile.kind !== 'done') reason(meanwhile, 'refused');
    await eventually('it is connected again', () => ceph.connected);
    assert.notEqual(ceph.workerPid, pid);
    assert.deepEqual(value(await ceph.images('vms', SOON)), ['killed', 'killed-clone']);
    value(await ceph.flattenImage(image('killed-clone'), { deadlineMs: LONG_WAIT_MS }));
    value(await ceph.removeSnapshot(snapshot('killed', 's'), SOON));
  });
});

describe('on the blocklist', () => {
  it('as one client: it comes back as another', async () => {
    const pid = ceph.workerPid;
    const [own = assert.fail('no address')] = ceph.addresses;
    value(await blocklist('add', own));
    await eventually('another process is connected', () => ceph.connected && ceph.workerPid !== pid);
    assert.ok(!ceph.addresses.includes(own));
    value(await ceph.imageInfo(image('killed'), SOON));
  });

  it('with its whole node: monitors answer, images are refused; off it, it comes back', async () => {
    const [own = assert.fail('no address')] = ceph.addresses;
    const node = `${own.replace(/:.*/, '')}:0/0`;
    value(await blocklist('add', node));
    await eventually('it knows', () => !ceph.connected);
    const outcome = await ceph.imageInfo(image('killed'), SOON);
    assert.match(reason(outcome, 'refused'), /^ESHUTDOWN: .*blocklist/);
    value(await blocklist('rm', node));
    await eventually('it is back', () => ceph.connected);
    assert.equal(value(await ceph.imageInfo(image('killed'), SOON))?.image, 'killed');
  });
});

describe('without a Ceph', () => {
  it('is made all the same, says why it refuses, and closes', async () => {
    const nowhere = await connect('/nowhere/ceph.conf', 500);
    assert.equal(nowhere.connected, false);
    await eventually('it says why', async () => {
      const outcome = await nowhere.images('vms', SOON);
      return reason(outcome, 'refused').includes('/nowhere/ceph.conf');
    });
    await nowhere.close();
    assert.equal(nowhere.workerPid, null);
  });
});

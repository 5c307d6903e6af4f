/**
 * The health of a real Ceph: what its checks look like in each trouble, told by the shipped watch to the shipped
 * machine; faults open with their cures and close when the trouble is over.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CephWatch } from '../actors/ceph-watch.js';
import { createCephClient, type CephClient } from '../actors/drivers/ceph/client.js';
import { readCeph } from '../actors/drivers/ceph/osds-reading.js';
import { startCeph, type CephCluster } from '../fixtures/ceph.js';
import { PROMPT } from '../fixtures/ceph/conf.js';
import { eventually } from '../fixtures/ceph/waiting.js';
import { watchedHealth, type WatchedHealth } from '../fixtures/watched-health.js';
import { CURES } from '../machines/ceph/cures.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';

const DEADLINE_MS = 20_000;
/** In its first minute a new Ceph would not complain of a monitor that is down. */
const NO_GRACE = 'mon down mkfs grace = 0';

describe('the health of a real Ceph', { timeout: 600_000 }, () => {
  let cluster: CephCluster;
  let ceph: CephClient;
  let health: WatchedHealth;
  before(async () => {
    cluster = await startCeph({ network: '127.0.93', mons: 3, osds: 2, settings: [...PROMPT, NO_GRACE] });
    ceph = await createCephClient({
      configFile: cluster.confFile, clientName: 'admin', keyringFile: cluster.adminKeyring,
      log: createLog('health', 'error'), connectWaitMs: 60_000,
    });
    health = watchedHealth((deps) => new CephWatch(deps));
  });
  after(async () => {
    await ceph?.close();
    await cluster?.stop();
  });

  const look = async (): Promise<void> =>
    health.watch.looked(await readCeph(ceph, 'hv1', systemClock.wallMs(), DEADLINE_MS));
  /** Until a fault of this code is open, or is not found any more. */
  const opens = (code: string): Promise<void> => eventually(`${code} opens; open is ${health.open()}`, async () => {
    await look();
    return health.fault(code)?.absent === false;
  });
  const goes = (code: string): Promise<void> => eventually(`${code} is over`, async () => {
    await look();
    return health.fault(code)?.absent !== false;
  });
  /** It stayed away. */
  const closes = async (code: string): Promise<void> => {
    await goes(code);
    health.settle();
    assert.equal(health.fault(code), undefined);
  };

  it('is known after the first look, with the fsid', async () => {
    await eventually('it is heard of', async () => {
      await look();
      return health.context().heard;
    });
    assert.equal(health.context().fsid, cluster.fsid);
  });

  it('a flag that somebody set', async () => {
    await cluster.ceph('osd', 'set', 'noout');
    await opens('OSDMAP_FLAGS');
    const fault = health.fault('OSDMAP_FLAGS')!;
    assert.equal(fault.id, 'CEPH_WARN_OSDMAP_FLAGS');
    assert.match(fault.text, /noout/);
    assert.match(fault.cure, /pvc storage osd unset/);
    await cluster.ceph('osd', 'unset', 'noout');
    await closes('OSDMAP_FLAGS');
  });

  it('an OSD dies, and comes back', async () => {
    await cluster.kill('osd.1');
    await opens('OSD_DOWN');
    const fault = health.fault('OSD_DOWN')!;
    assert.match(fault.text, /1 osds down.*osd\.1/);
    assert.equal(fault.cure, CURES['OSD_DOWN']);
    assert.match(health.state(), /^health\.(warning|error)/);
    cluster.start('osd.1');
    await closes('OSD_DOWN');
  });

  it('a monitor is gone, and comes back', async () => {
    await cluster.kill('mon.c');
    await opens('MON_DOWN');
    assert.match(health.fault('MON_DOWN')!.text, /mon\.c/);
    assert.match(health.fault('MON_DOWN')!.cure, /ceph-mon/);
    cluster.start('mon.c');
    await closes('MON_DOWN');
  });

  it('a pool has used up its quota, and is given more', async () => {
    await cluster.ceph('osd', 'pool', 'set-quota', 'vms', 'max_objects', '1');
    for (const name of ['one', 'two']) {
      await cluster.run('rados', ['-p', 'vms', 'create', name]);
    }
    await opens('POOL_FULL');
    assert.match(health.fault('POOL_FULL')!.text, /vms/);
    assert.match(health.fault('POOL_FULL')!.cure, /set-quota/);
    await cluster.ceph('osd', 'pool', 'set-quota', 'vms', 'max_objects', '0');
    await closes('POOL_FULL');
  });

  it('what is muted in Ceph is not told of', async () => {
    await cluster.ceph('osd', 'set', 'noscrub');
    await opens('OSDMAP_FLAGS');
    await cluster.ceph('health', 'mute', 'OSDMAP_FLAGS');
    await closes('OSDMAP_FLAGS');
    await cluster.ceph('osd', 'unset', 'noscrub');
  });
});

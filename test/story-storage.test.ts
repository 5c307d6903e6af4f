/**
 * VMs on shared storage, on the rack with Ceph: the decisive experiment in short, and storage that fails under a guest
 * that never stops writing. The judge looks at its disks in the end.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { drawTrial, type TrialPlan } from '../fixtures/experiment/plan.js';
import { runSeries } from '../fixtures/experiment/series.js';
import { WriterVm } from '../fixtures/experiment/writer-vm.js';
import type { Cluster } from '../fixtures/story/cluster.js';
import { storageCluster } from '../fixtures/story/rack.js';
import { storageIsHealthy } from '../fixtures/story/storage.js';
import { systemClock } from '../runtime/clock.js';

/** The three that differ most; the bench draws from all. Without a BMC nothing but the storage's fence holds a copy. */
const FAULTS: readonly Partial<TrialPlan>[] = [
  { fault: 'freeze', bmc: 'dead', guestsFirstMs: 3000 }, { fault: 'cut-cluster', bmc: 'dead' },
  { fault: 'power', bmc: 'dead' },
];

describe('VMs on shared storage', () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await storageCluster();
    await cluster.healthy();
    await storageIsHealthy(cluster);
  }, { timeout: 300_000 });

  it('the decisive experiment: six guests lose their nodes, no old copy writes past its successor', async () => {
    const seed = 20_261_123;
    const draw = (each: number, round: number): TrialPlan =>
      ({ ...drawTrial(each), ...FAULTS[round % FAULTS.length], holdMs: 500, besideMs: 1000 });
    const say = (line: string): void => void process.stdout.write(`# ${line}\n`);
    const results = await runSeries(cluster, { trials: 6, seed, guests: 3, pauseS: 0.2, draw, say });
    assert.deepEqual(results.flatMap(({ violations }) => violations), []);
    const [frozen] = results;
    // All of a frozen node: they were still there, and were let loose beside the new ones.
    assert.equal(frozen?.oldCopiesBack, frozen?.guests.length);
    assert.ok(results.every(({ guests }) => guests.every(({ before: old, after: young }) => old > 20 && young > 20)));
  });

  describe('whose parts fail under a guest', () => {
    let vm: WriterVm;
    let node: string;
    const on = async (where: string, ...argv: string[]): Promise<void> => {
      const ran = await cluster.rack.exec(where, argv, 60_000);
      assert.equal(ran.status, 0, `${argv.join(' ')} on ${where}: ${ran.stderr}`);
    };
    /** `rack` begins with osd.0 on hv1, and so on. */
    const osdOf = (where: string): string => `ceph-osd@${Number(where.slice(2)) - 1}`;

    before(async () => {
      node = cluster.other(await cluster.primary());
      vm = await WriterVm.start(cluster, 'steady', node, { ioErrors: 'report', cache: 'none', pauseS: 0.2 });
      await vm.writes();
    }, { timeout: 300_000 });
    after(async () => {
      await vm?.remove();
    });

    /** The same QEMU of the same guest, and its disk never refused anything. */
    async function untouched(deed: () => Promise<void>): Promise<void> {
      const copy = await cluster.copyOf(vm);
      await deed();
      await vm.goesOn();
      await storageIsHealthy(cluster);
      await cluster.runsOn(vm, node);
      assert.equal((await cluster.copyOf(vm)).pid, copy.pid, 'the same QEMU');
      assert.doesNotMatch(await vm.console(2000), /refused/, 'no error reached the guest');
    }

    it('one OSD dies: the guest goes on meanwhile', () => untouched(async () => {
      await on(node, 'systemctl', 'stop', osdOf(node));
      await vm.goesOn();
      await on(node, 'systemctl', 'start', osdOf(node));
    }));

    it('two OSDs die: it may wait, and goes on when they are back', () => untouched(async () => {
      const others = cluster.rack.nodes.filter((each) => each !== node);
      for (const each of others) await on(each, 'systemctl', 'stop', osdOf(each));
      await systemClock.sleep(6000);
      for (const each of others) await on(each, 'systemctl', 'start', osdOf(each));
    }));

    it('the leaders of Ceph and of ZooKeeper die at once', () => untouched(async () => {
      const { quorum_leader_name: leader } = JSON.parse(await cluster.rack.ceph('quorum_status', '-f', 'json')) as {
        quorum_leader_name: string;
      };
      const zookeeper = await cluster.until('a leader', () => cluster.rack.zookeeperLeader(), (name) => name !== null);
      await on(leader, 'systemctl', 'stop', 'ceph-mon');
      await cluster.rack.kill(zookeeper ?? '', 'zookeeper');
      await vm.goesOn();
      await on(leader, 'systemctl', 'start', 'ceph-mon');
    }));

    it('the storage cable of its node is out: it waits, nobody is fenced, and it goes on where it was', () =>
      untouched(async () => {
        const boot = await cluster.bootId(node);
        await cluster.rack.cable(node, 'out', 'storage');
        await systemClock.sleep(15_000);
        await cluster.nodeIs(node, 'run');
        await cluster.rack.cable(node, 'in', 'storage');
        await cluster.nodeIs(node, 'run', 'ready');
        assert.equal(await cluster.bootId(node), boot);
      }));

    it('the storage cable of its node stays out: it begins anew elsewhere, its node is not fenced', async () => {
      const [region, boot] = [(await vm.progress()).region, await cluster.bootId(node)];
      await cluster.ask('POST', '/settings', { storage_loss_after: '10' });
      await cluster.rack.cable(node, 'out', 'storage');
      await cluster.until(`${vm.name} runs elsewhere`, () => cluster.vm(vm),
        ({ state, node: at }) => state === 'start' && at !== node);
      await vm.writes(20, region + 1);
      assert.equal((await cluster.copyOf(vm)).node, await vm.node(), 'one copy, and it is there');
      await cluster.nodeIs(node, 'run', 'ready');
      await cluster.rack.cable(node, 'in', 'storage');
      await storageIsHealthy(cluster);
      assert.equal(await cluster.bootId(node), boot);
      await vm.goesOn();
    });

    it('the judge of its disks has nothing to say', async () => {
      const { boots, violations } = await vm.judged();
      assert.deepEqual(violations, []);
      assert.ok((boots[0]?.written ?? 0) > 100, JSON.stringify(boots));
    });
  });
});

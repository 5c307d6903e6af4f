/** The judge of the decisive experiment: passes what may be, and catches each way in which a fence can fail. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeLines } from '../fixtures/experiment/file-system.js';
import { judge, seenBefore } from '../fixtures/experiment/judge.js';
import {
  bootText, LANES, LOG_BYTES, padded, RECORD_BYTES, recordText, regionAt,
} from '../fixtures/experiment/layout.js';

/** A disk on which boots write as the guest's writer does. */
class Disk {
  readonly image = Buffer.alloc(LOG_BYTES);

  boot(region: number, nonce: number): void {
    const seen = seenBefore(this.image, region);
    padded(bootText({ region, nonce, ...seen })).copy(this.image, regionAt(0, region));
  }

  write(region: number, nonce: number, lane: number, slot: number): void {
    padded(recordText(region, nonce, lane, slot)).copy(this.image, regionAt(lane, region) + slot * RECORD_BYTES);
  }

  /** The first `count` records of a boot in each lane. */
  fill(region: number, nonce: number, count: number): void {
    for (let lane = 0; lane < LANES; lane += 1) {
      for (let slot = lane === 0 ? 1 : 0; slot < count; slot += 1) this.write(region, nonce, lane, slot);
    }
  }

  get violations(): readonly string[] {
    return judge(this.image).violations;
  }
}

describe('the judge of the decisive experiment', () => {
  const takenOver = (): Disk => {
    const disk = new Disk();
    disk.boot(0, 4_000_000_001);
    disk.fill(0, 4_000_000_001, 20);
    disk.boot(1, 17);
    disk.fill(1, 17, 5);
    return disk;
  };

  it('passes a boot that ended in the middle and one that went on after it', () => {
    const { boots, violations } = judge(takenOver().image);
    assert.deepEqual(violations, []);
    assert.deepEqual(boots.map(({ nonce, written }) => [nonce, written]), [[4_000_000_001, 120], [17, 30]]);
    assert.equal(boots[1]?.records, 120);
  });

  it('passes a blank disk, and one that is shorter because its end was never written', () => {
    assert.deepEqual(judge(Buffer.alloc(0)), { boots: [], violations: [] });
    assert.equal(judge(takenOver().image.subarray(0, regionAt(5, 3))).boots.length, 2);
  });

  it('catches one record of the old boot that was accepted after the first read of the new one', () => {
    const disk = takenOver();
    disk.write(0, 4_000_000_001, 3, 20);
    assert.match(disk.violations.join('\n'), /^boot 1 first read 120 records .*; 1 more were accepted afterwards$/);
  });

  it('catches a block of the old boot that was written over, though their number is the same', () => {
    const disk = takenOver();
    disk.image[regionAt(2, 0) + 40] = 0x21;
    assert.match(disk.violations.join('\n'), /boot 1 first read .*not the same any more/);
    assert.match(disk.violations.join('\n'), /region 0, lane 2, slot 0 is no record of this boot/);
  });

  it('catches a block of the old boot in the region of the new one, and half a block', () => {
    const disk = takenOver();
    disk.write(0, 4_000_000_001, 1, 0);
    disk.image.copy(disk.image, regionAt(4, 1), regionAt(1, 0), regionAt(1, 0) + RECORD_BYTES);
    assert.match(disk.violations.join('\n'), /region 1, lane 4, slot 0 is no record/);
    const torn = takenOver();
    torn.image.fill(0, regionAt(5, 1) + 4 * RECORD_BYTES + 100, regionAt(5, 1) + 5 * RECORD_BYTES);
    assert.match(torn.violations.join('\n'), /region 1, lane 5, slot 4 is no record/);
  });

  it('catches an acknowledged record that is lost', () => {
    const disk = takenOver();
    disk.image.fill(0, regionAt(0, 1) + 3 * RECORD_BYTES, regionAt(0, 1) + 4 * RECORD_BYTES);
    assert.deepEqual(disk.violations, ['region 1, lane 0: slot 4 is written, slot 3 before it is not']);
  });

  it('catches lines of a file that come after another boot has begun, and lines that are missing', () => {
    const line = (nonce: number, number: number): string => `region=0 nonce=${nonce} line=${number}\n`;
    assert.deepEqual(judgeLines(line(1, 1) + line(1, 2) + line(2, 1) + line(2, 2) + 'region=0 no'), []);
    assert.match(judgeLines(line(1, 1) + line(2, 1) + line(1, 2)).join(), /boot 1 wrote line 2 after boot 2/);
    assert.match(judgeLines(line(1, 1) + line(1, 3)).join(), /line 3 follows line 1/);
    assert.match(judgeLines(`\0\0\0\n${line(1, 1)}`).join(), /none of ours/);
  });
});

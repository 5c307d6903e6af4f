/** Peers that vouch for each other: when what they say may stand in for a quorum write, and when not (I9, I8). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { vouchedDeadlineMs, vouches, type PeerWord } from '../runtime/vouching.js';

const THREE = ['hv1', 'hv2', 'hv3'];
const says = (node: string, withoutQuorumMs: number | null, networks = 3): PeerWord =>
  ({ node, networks, withoutQuorumMs });
const TIMINGS = { sessionTimeoutMs: 4000, tickMs: 400, stopMs: 500 };

describe('a deadline is lengthened', () => {
  const view = (words: readonly PeerWord[], change = {}) =>
    ({ coordinators: THREE, words, askedAtMs: 10_000, askMs: 300, deadlineMs: 11_000, ...change });
  const table: [string, readonly PeerWord[], boolean, RegExp][] = [
    ['all say so', THREE.map((node) => says(node, 900)), true, /3 of 3/],
    ['a majority says so', [says('hv1', 900), says('hv3', 300)], true, /2 of 3/],
    ['only this node says so', [says('hv1', 900)], false, /only 1 of 3.*2 needed/],
    ['nobody is heard', [], false, /only 0 of 3/],
    ['one of them has a quorum', [says('hv1', 900), says('hv2', 900), says('hv3', null)], false, /hv3 has a quorum/],
    ['one lost it only after it was asked', [says('hv1', 900), says('hv2', 299)], false, /only 1 of 3/],
    ['one is heard on one network only', [says('hv1', 900), says('hv2', 900, 1)], false, /only 1 of 3/],
    ['two networks are enough', [says('hv1', 900), says('hv2', 900, 2)], true, /2 of 3/],
    ['one says it twice', [says('hv1', 900), says('hv1', 900)], false, /only 1 of 3/],
    ['a node that is no coordinator says it', [says('hv1', 900), says('hv9', 900)], false, /only 1 of 3/],
  ];
  for (const [name, words, yes, why] of table) {
    test(`${yes ? 'yes' : 'no'}: ${name}`, () => {
      const verdict = vouches(view(words));
      assert.equal(verdict.yes, yes);
      assert.match(verdict.why, why);
    });
  }

  test('to what a quorum write at the moment of the question would give, and no further', () => {
    const words = [says('hv1', 900), says('hv2', 900)];
    assert.equal(vouchedDeadlineMs(view(words), TIMINGS), 10_000 + 4000 - 600 - 500);
  });

  test('never once it has passed: the session may be gone, and others act', () => {
    const late = view([says('hv1', 900), says('hv2', 900)], { deadlineMs: 10_000 });
    assert.equal(vouchedDeadlineMs(late, TIMINGS), null);
    assert.match(vouches(late).why, /passed before/);
  });

  test('by half of an even number nobody is lengthened', () => {
    const four = { ...view([says('hv1', 900), says('hv2', 900)]), coordinators: [...THREE, 'hv4'] };
    assert.equal(vouches(four).yes, false);
    assert.equal(vouches({ ...four, words: [...four.words, says('hv4', 900)] }).yes, true);
  });
});

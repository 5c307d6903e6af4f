/** Every order of letters, timers, effects and faults, as far as the bound goes; and a broken guard is found. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exploreCluster } from '../fixtures/sim/explore/search.js';

const bmcHonest = true;

describe('the search over machines and an abstract store', () => {
  it('sees all of a migration without faults, and no two copies run in any of it', () => {
    const { complete, violation, states } = exploreCluster({ states: 5000, faults: 0, migrations: 1, bmcHonest });
    assert.equal(violation, null);
    assert.equal(complete, true);
    assert.ok(states > 20, `${states} states`);
  });

  it('finds nothing wrong in the first states with two faults and a migration', () => {
    const { violation, states } = exploreCluster({ states: 3000, faults: 2, migrations: 1, bmcHonest });
    assert.equal(violation, null);
    assert.equal(states, 3000);
  });

  it('finds the shortest way to a guest that runs on a boot proved dead, when every BMC lies', () => {
    const { violation } = exploreCluster({ states: 20_000, faults: 1, migrations: 0, bmcHonest: false });
    assert.match(violation!.text, /^I2: boot n\d\.1 is proved dead and its guest runs$/);
    assert.match(violation!.trace.join('\n'), /is cut off \(fault\)\n[^]*probe\.signs done$/);
  });
});

/** A letter that kills the process that steps it, on a real ZooKeeper, with processes that really die. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { spawnProgram } from '../actors/process.js';
import type { MailHostSpec } from '../fixtures/runtime/mail-host.js';
import { createMailer, mailerDefinition, mailerOf, notes, noteTexts, post } from '../fixtures/runtime/mailer.js';
import { paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { startEnsemble, type Ensemble } from '../fixtures/zookeeper.js';
import { systemClock } from '../runtime/clock.js';
import { listDeadLetters, requeueDeadLetter } from '../runtime/dead-letters.js';
import { LIMITS } from '../runtime/limits.js';
import { createLog } from '../runtime/log.js';
import type { ActorRecord } from '../runtime/record.js';
import { openZookeeper } from '../runtime/zookeeper/store.js';

const NODES = ['seat', 'host'];
const SESSION_MS = 1000;
const HOST = fileURLToPath(new URL('../fixtures/runtime/mail-host.js', import.meta.url));

describe('a letter that kills its process', () => {
  let ensemble: Ensemble;
  /** Looks on, and runs nothing. */
  let seat: TestNode;
  let over = false;
  let deaths = 0;
  let stopped: Promise<void>;

  /** Begins a host anew whenever it has died, as systemd does. */
  const keepUp = async (): Promise<void> => {
    const spec: MailHostSpec = {
      servers: ensemble.servers, name: 'host', nodes: NODES, sessionTimeoutMs: SESSION_MS,
    };
    while (!over) {
      const args = ['--pdeathsig', 'KILL', '--', process.execPath, HOST, JSON.stringify(spec)];
      const child = spawnProgram('setpriv', args, { stdio: 'ignore' });
      const ended = once(child, 'exit');
      const watch = (): void => { if (over) child.kill('SIGKILL'); };
      const cancel = setUp(watch);
      await ended;
      cancel();
      if (!over) deaths += 1;
    }
  };
  const setUp = (look: () => void): (() => void) => {
    let cancel: () => void = () => undefined;
    const again = (): void => {
      look();
      cancel = systemClock.after(100, again, true);
    };
    again();
    return () => cancel();
  };

  before(async () => {
    ensemble = await startEnsemble({ servers: 1, basePort: 23_400 });
    const log = createLog('seat', 'error');
    const store = await openZookeeper({
      servers: ensemble.servers, sessionTimeoutMs: 10_000, clock: systemClock, log,
    });
    seat = await startNode('seat', store, NODES, undefined, [mailerDefinition]);
  });
  after(async () => {
    over = true;
    await stopped;
    seat.stop();
    await seat.store.close();
    await ensemble.stop();
  });

  it('ends as a dead letter after three marked tries, and what comes behind it is stepped', async () => {
    const orphan = { name: 'host', store: seat.store, incarnation: 'gone', bootId: 'gone' };
    const [bad, good] = [await createMailer(orphan, paths, 'bad'), await createMailer(orphan, paths, 'good')];
    await post(seat.store, paths, bad, [...notes('x', 1, 2), { type: 'kill' }, ...notes('x', 3, 5)]);
    await post(seat.store, paths, bad, notes('y', 1, 1));
    await post(seat.store, paths, good, notes('z', 1, 3));
    stopped = keepUp();
    const told = (count: number) => (record: ActorRecord): boolean => mailerOf(record).got.length >= count;
    const record = await until(seat, bad, told(6), 120_000);
    assert.deepEqual(mailerOf(record).got, [...noteTexts('x', 1, 5), ...noteTexts('y', 1, 1)]);
    assert.deepEqual(mailerOf(await until(seat, good, told(3))).got, noteTexts('z', 1, 3));
    const { letters } = await listDeadLetters(seat.store, paths);
    assert.deepEqual(letters.map(({ actor, envelope, error }) => [actor, envelope.event.type, error]),
      [[bad, 'kill', `it killed its process ${LIMITS.suspectTries} times`]]);
    assert.deepEqual([record.counts.dead, record.lastError?.text], [1, letters[0]!.error]);
    // One more, with the whole batch under suspicion.
    assert.equal(deaths, LIMITS.suspectTries + 1);

    const settled = await until(seat, bad, ({ suspect }) => suspect === null, 30_000);
    await post(seat.store, paths, bad, notes('w', 1, 3));
    const normal = await until(seat, bad, told(9), 30_000);
    assert.ok(normal.revision <= settled.revision + 3, 'no commit more than before');
    assert.equal(await requeueDeadLetter(seat.store, paths, letters[0]!.name), 'requeued');
    for (let wait = 0; wait < 600 && deaths === LIMITS.suspectTries + 1; wait += 1) await systemClock.sleep(100);
    assert.ok(deaths > LIMITS.suspectTries + 1, 'it is a killer still');
  });
});

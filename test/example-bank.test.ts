/** The example: a bank on three hosts, one of which is killed in the middle of a day's transfers. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runProgram, spawnProgram } from '../actors/process.js';
import { startBank } from '../fixtures/example-bank/host.js';
import type { AccountContext } from '../fixtures/example-bank/machines.js';
import { seeded } from '../fixtures/runtime/chaos.js';
import { waitFor } from '../fixtures/runtime/proof-cluster.js';
import { startEnsemble, type Ensemble } from '../fixtures/zookeeper.js';
import type { Address } from '../runtime/address.js';
import { systemClock } from '../runtime/clock.js';
import { newFraction } from '../runtime/random.js';
import type { Runtime } from '../runtime/runtime.js';

const OWNERS = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay'];
const EACH = 10_000;
const TRANSFERS = 200;
const PROGRAM = new URL('../fixtures/example-bank/host.js', import.meta.url).pathname;

const account = (owner: string): Address => `account/${owner}`;

describe('the example bank', () => {
  const receipts = mkdtempSync(join(tmpdir(), 'pvc-bank-'));
  const children = new Map<string, ChildProcess>();
  let ensemble: Ensemble;
  let bank: Runtime;

  function startHost(node: string): void {
    children.set(node, spawnProgram('setpriv', [
      '--pdeathsig', 'KILL', '--', process.execPath, PROGRAM, node, ensemble.servers.join(), receipts,
    ], { stdio: 'ignore' }));
  }

  before(async () => {
    ensemble = await startEnsemble({ servers: 3, basePort: 22_820, tickMs: 100 });
    bank = await startBank('h1', ensemble.servers, receipts);
    startHost('h2');
    startHost('h3');
    await bank.create('supervisor', 'bank', {
      address: 'supervisor/bank', flags: { strategy: 'one_for_one', intensity: 10, periodMs: 60_000 },
      children: OWNERS.map((owner) => (
        { id: owner, kind: 'account', address: account(owner), input: { owner, balance: EACH }, keep: true })),
    });
    await bank.create('clerk', 'c1');
    const moved = (): boolean => OWNERS.every((owner) => bank.record(account(owner)) !== null)
      && new Set([...bank.parts!.mirror.actors.values()].map((actor) => actor.owner?.node)).size === 3;
    await waitFor('every host to have its share', moved, 60_000);
  });
  after(async () => {
    for (const child of children.values()) child.kill('SIGKILL');
    await bank.stop();
    await ensemble.stop();
    rmSync(receipts, { recursive: true });
  });

  const contextOf = (owner: string): AccountContext =>
    bank.record(account(owner))!.snapshot.context as unknown as AccountContext;
  const total = (field: 'balance' | 'receipts'): number =>
    OWNERS.reduce((sum, owner) => sum + contextOf(owner)[field], 0);

  it('no cent is lost or made, and every credit has one receipt', { timeout: 240_000 }, async (t) => {
    const seed = Math.floor(newFraction() * 2 ** 31);
    t.diagnostic(`seed ${seed}`);
    const random = seeded(seed);
    const pick = (): string => OWNERS[Math.floor(random() * OWNERS.length)]!;
    for (let count = 0; count < TRANSFERS; count += 1) {
      const [from, to, amount] = [pick(), pick(), 1 + Math.floor(random() * 3_000)];
      const submitted = await bank.submit(account(from), { type: 'transfer', to: account(to), amount });
      assert.notEqual(submitted.kind, 'already');
      if (count === TRANSFERS / 2) children.get('h2')!.kill('SIGKILL');
      if (count === TRANSFERS - 20) startHost('h2');
      await systemClock.sleep(10);
    }
    const settled = (): boolean => total('balance') === OWNERS.length * EACH
      && OWNERS.every((owner) => bank.record(account(owner))!.operations.every(({ endedAt }) => endedAt !== null)
        && bank.record(account(owner))!.effects.length === 0);
    await waitFor('all the money to be in the accounts', settled, 60_000);
    await waitFor('the receipts', () => readdirSync(receipts).length === total('receipts'), 60_000);
    assert.ok(OWNERS.every((owner) => contextOf(owner).balance >= 0));
    assert.ok(total('receipts') > 0);
  });

  it('the program of docs/runtime.md is the one that is compiled, and does what the page says', async () => {
    const root = join(import.meta.dirname, '..', '..');
    const [, shown] = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(root, 'docs', 'runtime.md'), 'utf8')) ?? [];
    assert.equal(shown, readFileSync(join(root, 'fixtures', 'example-bank', 'first.ts'), 'utf8'));
    const program = new URL('../fixtures/example-bank/first.js', import.meta.url).pathname;
    const result = await runProgram(process.execPath, [program, 'k1', ensemble.servers.join()], { deadlineMs: 60_000 });
    assert.deepEqual([result.stdout, result.status], ['done\n', 0], result.stderr);
  });

  it('a clerk is told a balance, wherever the account is', { timeout: 60_000 }, async () => {
    const answer = await bank.ask('clerk/c1', { type: 'inquire', account: account('ann') }, 30_000);
    assert.ok(answer !== null && 'state' in answer, JSON.stringify(answer));
    assert.deepEqual([answer.state, answer.message], ['done', String(contextOf('ann').balance)]);
    const broke = await bank.ask(account('bob'), { type: 'transfer', to: account('ann'), amount: 1_000_000 }, 30_000);
    assert.ok(broke !== null && 'state' in broke && broke.state === 'failed');
    const nonsense = await bank.submit(account('bob'), { type: 'transfer', to: account('ann'), amount: -5 });
    assert.equal(nonsense.kind, 'denied');
  });
});

/** The ZooKeeper model against real ZooKeeper: the same random operations, every reply and every watch compared. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failureText } from '../fixtures/sim/differential/command.js';
import { runDifferential } from '../fixtures/sim/differential/differential.js';
import { ModelServer, type ModelClient } from '../fixtures/sim/differential/model.js';
import type { Operation } from '../fixtures/sim/differential/operations.js';

const OPERATIONS = 100_000;
const SEED = 1;

/** Takes version 0 as any version, as a widespread client does. */
class ForgetfulModel extends ModelServer {
  override perform(client: ModelClient, operation: Operation, seen: number): void {
    if (operation.kind === 'write' && operation.write.op === 'set' && operation.write.version === 0) {
      super.perform(client, { ...operation, write: { ...operation.write, version: -1 } }, seen);
    } else {
      super.perform(client, operation, seen);
    }
  }
}

describe('the ZooKeeper model', { timeout: 300_000 }, () => {
  it('answers and rings as ZooKeeper does, operation by operation', async () => {
    const report = await runDifferential({ operations: OPERATIONS, seed: SEED, port: 23_700 });
    assert.equal(report.failure, null, report.failure === null ? '' : failureText(report.failure));
    assert.ok(report.operations >= OPERATIONS);
    assert.ok(report.replies >= OPERATIONS * 0.9, `${report.replies} replies`);
    assert.ok(report.events > OPERATIONS / 4, `${report.events} events`);
  });

  it('would not get away with a lie: it is found, and told with few operations', async () => {
    const report = await runDifferential({
      operations: 20_000, seed: SEED, port: 23_710, makeModel: (root) => new ForgetfulModel(root),
    });
    assert.ok(report.failure !== null);
    const text = failureText(report.failure);
    assert.ok(report.failure.steps.length >= 2 && report.failure.steps.length <= 8, text);
    assert.match(text, /set \/\S* at 0/, text);
  });
});

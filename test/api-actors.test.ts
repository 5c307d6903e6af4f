/** `/actors` and what hangs below it: filters, pages, removed actors, request ids, a full mailbox. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apiWorldWithVms, WEB1, type ApiWorld } from '../fixtures/api-server.js';
import { addressOf } from '../runtime/address.js';

interface Row { readonly address: string; readonly letters: number | null; readonly steps: number }

describe('actors by API', () => {
  let made: ApiWorld;
  const web1 = addressOf('vm', WEB1);
  before(async () => {
    made = await apiWorldWithVms();
  });
  after(() => made.api.close());

  const rows = async (query: string): Promise<string[]> =>
    ((await made.ask('GET', `/actors?${query}`)).body as Row[]).map(({ address }) => address);

  test('filters by kind, state or PVC word, owner, letters and fault', async () => {
    assert.deepEqual(await rows('kind=node'), ['node/hv1', 'node/hv2', 'node/hv3']);
    assert.deepEqual(await rows('state=running'), [web1]);
    assert.deepEqual(await rows('kind=vm&state=start'), [web1]);
    assert.deepEqual(await rows('owner=hv2'), [web1]);
    assert.deepEqual(await rows('waiting=true'), []);
    made.world.waitingLetters.set(web1, new Map([['5-a', 20]]));
    assert.deepEqual(await rows('waiting=yes'), [web1]);
    assert.equal((await rows('fault=false')).length, 5);
    assert.equal((await made.ask('GET', '/actors?stat=x')).message, "Unknown argument 'stat': did you mean 'state'?");
  });

  test('gives pages that follow each other, whatever the order of birth', async () => {
    const seen: string[] = [];
    let after = '';
    for (let page = 0; page < 10; page += 1) {
      const from = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
      const answer = await made.ask('GET', `/actors?limit=2${from}`);
      seen.push(...(answer.body as Row[]).map(({ address }) => address));
      const next = answer.headers['x-next-after'];
      if (next === undefined) break;
      after = String(next);
    }
    assert.deepEqual(seen, await rows(''));
  });

  test('a removed actor is still told of, without a place in the list', async () => {
    const { record, zxid } = made.world.actor(web1)!;
    made.world.records.delete(web1);
    made.world.tombs.set(web1, { address: web1, born: 1, zxid, at: 1234, record: { ...record, removed: true } });
    const { status, body } = await made.ask('GET', `/actors/${web1}`);
    assert.equal(status, 200);
    assert.deepEqual([(body as { removed_at: number }).removed_at, (body as { row: Row }).row.letters], [1234, 0]);
    assert.ok(!(await rows('')).includes(web1));
    assert.equal((await made.ask('GET', `/actors/${web1}/letters`)).status, 404);
    made.world.records.set(web1, { address: web1, record, owner: null, zxid });
  });

  test('a request is told of by the id it was sent with', async () => {
    const id = 'my-request.1';
    const headers = { 'x-request-id': id };
    assert.equal((await made.ask('GET', '/node', { headers })).headers['x-request-id'], id);
    made.world.step('node/hv1', { event: { type: 'node.flush' }, cause: { correlation: id, causation: 'op-1' } });
    const { steps } = (await made.ask('GET', `/causes/${id}`)).body as { steps: { id: string; cause: string }[] };
    assert.deepEqual(steps.map((step) => [step.id, step.cause]), [['node/hv1#2', 'outside']]);
    const nothing = await made.ask('GET', '/causes/unheard-of');
    assert.deepEqual((nothing.body as { steps: unknown[] }).steps, []);
  });

  test('a full mailbox is 429 with a time to come back', async () => {
    made.world.deadLetters = [{
      name: 'vm~x~5-a', actor: web1, error: 'x', at: 1, state: null,
      envelope: {
        id: 'a', from: 'api', to: web1, event: { type: 'vm.stop' }, correlation: 'c', causation: null, senderEpoch: 0,
        sentAt: 1,
      },
    }];
    made.world.requeued = 'busy';
    const busy = await made.ask('POST', '/dead-letters/vm~x~5-a/requeue');
    assert.deepEqual([busy.status, busy.headers['retry-after']], [429, '2']);
    assert.equal((await made.ask('POST', '/dead-letters/none/requeue')).status, 404);
    assert.equal((await made.ask('GET', '/dead-letters?actor=nonsense')).status, 400);
  });

  test('forgetting needs the words for it', async () => {
    assert.equal((await made.ask('DELETE', `/actors/${web1}`)).status, 400);
    assert.equal((await made.ask('POST', `/actors/${web1}/reset`)).status, 400);
    assert.deepEqual(made.world.mended, []);
    assert.equal((await made.ask('DELETE', `/actors/${web1}?yes-i-really-mean-it=1`)).status, 200);
    assert.deepEqual(made.world.mended, [`remove ${web1}`]);
    made.world.mends = { kind: 'unknown', reason: 'the connection was lost' };
    assert.equal((await made.ask('POST', `/actors/${web1}/restart`)).status, 503);
  });
});

/** A place that was given out counts until the record names it, however far the mirror is behind. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PromisedPlaces } from '../actors/promised-places.js';
import type { PendingEffect } from '../runtime/record.js';

const ASKS = { effectId: 'vm~1.e0' } as PendingEffect;
const before = { id: '1', seq: 24, effects: [] };
const asking = { id: '1', seq: 25, effects: [ASKS] };
const answered = { id: '1', seq: 26, effects: [] };

it('holds while the mirror hears of the question only after the answer', () => {
  const promised = new PromisedPlaces();
  promised.give(before, 'hv1', ASKS.effectId);
  assert.equal(promised.of(before), 'hv1');
  assert.equal(promised.of(asking), 'hv1', 'this commit is the question');
  assert.equal(promised.of(answered), null, 'this one says where it goes');
  assert.equal(promised.of(asking), null);
});

it('ends with the next record when the question was known, and when it was missed', () => {
  const promised = new PromisedPlaces();
  promised.give(asking, 'hv1', ASKS.effectId);
  assert.equal(promised.of(asking), 'hv1');
  assert.equal(promised.of(answered), null);
  promised.give(before, 'hv2', ASKS.effectId);
  assert.equal(promised.of(answered), null);
});

it('is replaced when the same VM asks again', () => {
  const promised = new PromisedPlaces();
  promised.give(asking, 'hv1', ASKS.effectId);
  const again = { effectId: 'vm~1.e9' } as PendingEffect;
  promised.give(answered, 'hv2', again.effectId);
  assert.equal(promised.of({ id: '1', seq: 27, effects: [again] }), 'hv2');
});

/** A record's bytes put together from kept parts are those of the whole. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decode, decodeRecord, encodeRecord } from '../runtime/codec.js';
import { FRESH_FIELDS, RECORD_VERSION, type ActorRecord, type Transition } from '../runtime/record.js';

const transition = (seq: number): Transition => ({
  seq, at: 1_795_000_000_000 + seq, node: 'hv1', epoch: 3,
  event: { type: 'note', list: [1, { deep: 'ü' }], none: null },
  from: 'a', to: 'b', effects: ['job'], sent: [{ to: 'vm/x', type: 'y' }], operationId: null, correlation: 'c',
  causation: seq === 1 ? null : `vm~x.1.${seq}`,
});
const record = (tail: readonly Transition[]): ActorRecord => ({
  recordVersion: RECORD_VERSION, kind: 'counter', id: 'a', machineVersion: 1, revision: 7, commitId: 'c7',
  ownerEpoch: 3, snapshot: { value: 'a', context: { count: 1 }, status: 'active' },
  effects: [], timers: [], operations: [],
  seq: tail.length, tail, restarts: [], fault: null, removed: false, ...FRESH_FIELDS,
});

it('whatever the length of its tail, at the first commit and at later ones', () => {
  const all = Array.from({ length: 300 }, (_, index) => transition(index + 1));
  for (const length of [0, 1, 15, 16, 24, 64, 300]) {
    const whole = record(all.slice(-length || all.length).slice(0, length));
    for (let commit = 0; commit < 2; commit += 1) {
      assert.deepEqual(decode(encodeRecord(whole)), whole);
      assert.deepEqual(decodeRecord(encodeRecord(whole)), whole);
    }
  }
});

it('a transition that was changed is another one', () => {
  const first = transition(1);
  const before = encodeRecord(record([first]));
  const lean = encodeRecord(record([{ ...first, event: { type: 'note' } }]));
  assert.deepEqual(decodeRecord(lean).tail[0]?.event, { type: 'note' });
  assert.deepEqual(decodeRecord(before).tail[0], first);
});

/** A heartbeat's bytes: what was encoded the time before is put in as it was, and reads as if it were encoded anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlobBytes } from '../runtime/blob-bytes.js';
import { decode } from '../runtime/codec.js';

test('a blob reads back as it was given, whether its lists are those of the time before or others', () => {
  const bytes = new BlobBytes();
  const guests = [{ uuid: 'u1', cpuTimeNs: 2 ** 40 }, { uuid: 'u2', cpuTimeNs: 0 }];
  const others = [{ uuid: 'u3', cpuTimeNs: 1 }];
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`field${at}`, at]));
  for (const list of [guests, guests, others, [], guests]) {
    for (const rest of [{ node: 'hv1' }, { node: 'hv1', memory: { freeMiB: 3 } }, many, {}]) {
      const blob = { ...rest, guests: list, tags: ['a'] };
      assert.deepEqual(decode(bytes.of(blob)), blob);
    }
  }
});

test('a blob without a list, or with nothing in it, is a map too', () => {
  assert.deepEqual(decode(new BlobBytes().of({})), {});
  assert.deepEqual(decode(new BlobBytes().of({ node: 'hv1', storage: true })), { node: 'hv1', storage: true });
});

test('what changes from one blob to the next is what is read, whether it takes as many bytes as before or not', () => {
  const bytes = new BlobBytes();
  const guests = [{ uuid: 'u1' }];
  const told = [
    { at: 1_900_000_000_000, load: 0.5, memory: { freeMiB: 3, usedMiB: 4 }, guests },
    { at: 1_900_000_001_000, load: 0.25, memory: { freeMiB: 3, usedMiB: 4 }, guests },
    { at: 1_900_000_002_000, load: 7, memory: { freeMiB: 4, usedMiB: 3 }, guests },
    { at: 1_900_000_003_000, load: 7, memory: { freeMiB: 4, usedMiB: 3, more: 1 }, guests },
    { at: 1_900_000_004_000, load: 7, memory: null, guests, disarmed: true },
    { at: 1_900_000_005_000, load: 7, memory: null, guests },
    { at: 1_900_000_005_000, load: 7, memory: null, guests: [] },
  ];
  const sent = told.map((blob) => bytes.of(blob));
  // All at the end: what was given out is not written to by what comes after.
  assert.deepEqual(sent.map((each) => decode(each)), told);
});

/** Parts of the ZooKeeper adapter that need no server: frames, timings, what is borrowed from the library. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf } from '../fixtures/contracts/store-bench.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';
import { createManager } from '../runtime/zookeeper/client.js';
import { FrameSplitter } from '../runtime/zookeeper/frames.js';
import { connectionTimings } from '../runtime/zookeeper/limits.js';
import { openZookeeper } from '../runtime/zookeeper/store.js';
import { isPath } from '../runtime/zookeeper/wire.js';

describe('a path', () => {
  it('is absolute, without empty or dotted parts, a slash at its end, or NUL', () => {
    const paths = ['/', '/a', '/a/b.c/.d/..e/f..', '/...', '/pvc/actors/vm/\u00e9'];
    const none = ['', 'a', 'a/b', '//', '/a/', '/a//b', '/.', '/..', '/a/./b', '/a/..', '/../a', '/a\0b', '/\0'];
    assert.deepEqual(paths.filter(isPath), paths);
    assert.deepEqual(none.filter(isPath), []);
  });
});

describe('frames', () => {
  const frame = (text: string): Buffer => {
    const buffer = Buffer.alloc(4 + text.length);
    buffer.writeInt32BE(text.length, 0);
    buffer.write(text, 4);
    return buffer;
  };

  it('come whole however the stream is cut', () => {
    const texts = ['', 'a', 'four', 'x'.repeat(300), 'end'];
    const stream = Buffer.concat(texts.map(frame));
    for (const step of [1, 2, 3, 5, 7, 64, 299, stream.length]) {
      const splitter = new FrameSplitter();
      const seen: string[] = [];
      for (let at = 0; at < stream.length; at += step) {
        splitter.push(stream.subarray(at, at + step), (each) => seen.push(each.toString('latin1', 4)) > 0);
      }
      assert.deepEqual(seen, texts, `cut every ${step} bytes`);
    }
  });

  it('a length that no reply has is an error, and a reset forgets half a frame', () => {
    const splitter = new FrameSplitter();
    assert.throws(() => splitter.push(Buffer.from('ffffffff', 'hex'), () => true), /no reply/);
    assert.throws(() => splitter.push(Buffer.from('47455420', 'hex'), () => true), /no reply/);
    splitter.push(frame('half').subarray(0, 6), () => assert.fail());
    splitter.reset();
    const seen: Buffer[] = [];
    splitter.push(frame('whole'), (each) => seen.push(each) > 0);
    assert.equal(seen.length, 1);
  });
});

describe('timings', () => {
  it('leave time for one more dead server inside the session', () => {
    for (const sessionMs of [1_000, 2_000, 4_000, 8_000, 40_000]) {
      const { pingAfterMs, readTimeoutMs, attemptTimeoutMs, tickMs } = connectionTimings(sessionMs, false, 0);
      const inTheEnd = pingAfterMs + readTimeoutMs + attemptTimeoutMs + 4 * tickMs;
      assert.ok(inTheEnd < 0.95 * sessionMs, `${inTheEnd} ms for a session of ${sessionMs} ms`);
    }
  });
});

describe('22: server names', () => {
  it('that would crash or mislead the library are refused (stock: an IPv6 literal is taken apart)', async () => {
    assert.notEqual(createManager({ servers: ['[::1]:2181'], sessionTimeoutMs: 1_000 }).servers[0]?.host, '::1');
    const wrong = ['', 'host', 'host:', 'host:99999', 'host:0', '::1:2181', '[::1]:2181', 'a:1,b:2', 'a:1/chroot'];
    for (const server of wrong) {
      const options = { sessionTimeoutMs: 1_000, log: createLog('parts-test', 'error'), clock: systemClock };
      const opening = openZookeeper({ servers: [server], ...options });
      await assert.rejects(opening, codeOf('other'), server);
    }
  });
});

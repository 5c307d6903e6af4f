/** What a client may say on the event stream: read, or its fault named. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { globMatcher, readClientFrame, topicFilters } from '../api/events/client-frames.js';

describe('client frames', () => {
  test('globs', () => {
    const cases: [string, string, boolean][] = [
      ['*', 'anything', true],
      ['web-*', 'web-1', true],
      ['web-*', 'xweb-1', false],
      ['w?b', 'web', true],
      ['w?b', 'wb', false],
      ['*-db-*', 'a-db-1', true],
      ['*a*a*a*b', 'a'.repeat(60), false],
      ['', '', true],
      ['', 'x', false],
    ];
    for (const [glob, text, expected] of cases) assert.equal(globMatcher(glob)(text), expected, `${glob} ${text}`);
  });

  test('a frame is read or its fault named, never a throw', () => {
    assert.deepEqual(readClientFrame('{"frame":"ping"}'), { ok: true, frame: { frame: 'ping' } });
    for (const text of [
      '',
      'null',
      '1',
      '"x"',
      '{"frame":"__proto__"}',
      '{"frame":{"toString":1}}',
      '{"__proto__":1,"frame":"ping"}',
    ]) {
      assert.equal(readClientFrame(text).ok, false, text);
    }
    assert.match(String(topicFilters(['nod'])), /did you mean 'node'/);
  });
});

/** The CLI's pure text work: logs that are followed, differences. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unifiedDiff } from '../api/cli/diff.js';
import { newLines } from '../api/cli/follow.js';

test('a followed log goes on after what was seen', () => {
  assert.deepEqual(newLines(['a', 'b', 'c'], ['b', 'c', 'd']), ['d']);
  assert.deepEqual(newLines(['a', 'b'], ['a', 'b']), []);
  assert.deepEqual(newLines(['a', 'up'], ['a', 'uptime', 'x']), ['uptime', 'x']);
  assert.deepEqual(newLines(['a'], ['x', 'y']), ['x', 'y']);
});

test('a unified diff has hunks with three lines of context', () => {
  const text = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const changed = text.with(2, 'new').with(17, 'other');
  const diff = unifiedDiff(text.join('\n'), changed.join('\n'));
  assert.deepEqual(
    diff.filter((line) => line.startsWith('@@')),
    ['@@ -1,6 +1,6 @@', '@@ -15,6 +15,6 @@'],
  );
  assert.deepEqual(
    diff.filter((line) => /^[-+][^-+]/.test(line)),
    ['-line 2', '+new', '-line 17', '+other'],
  );
  assert.deepEqual(unifiedDiff('a', 'a'), []);
});

/** The error catalogue and its page say the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../fixtures/tidy/project.js';
import { ERRORS, PvcError, type ErrorCode, type ErrorSpec } from '../runtime/errors.js';

const codes = Object.keys(ERRORS) as ErrorCode[];
const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
/** Rows of the table: | `CODE` | status | retry | sentence | what to do | */
const rows = page.split('\n').flatMap((line) => {
  const [, code, status, retry, sentence] = /^\| `(PVC_\w+)` \| (\d+) \| (\w+) \| (.*?) \|/.exec(line) ?? [];
  return code === undefined ? [] : [{ code, status: Number(status), retry, sentence }];
});

test('every code stands in docs/errors.md once, in the order of the catalogue, and none extra', () => {
  assert.deepEqual(rows.map(({ code }) => code), codes);
});

test('status, retry and sentence are those of the catalogue', () => {
  for (const row of rows) {
    const { status, retry, sentence } = ERRORS[row.code as ErrorCode];
    const shown = sentence === '{}' ? '(the thing said in full)' : sentence;
    assert.deepEqual({ ...row }, { code: row.code, status, retry, sentence: shown });
  }
});

test('a status fits its retry: what a client did wrong is not retried, what the cluster lacks is', () => {
  for (const code of codes) {
    const { status, retry }: ErrorSpec = ERRORS[code];
    assert.ok(status >= 400 && status < 600 && status !== 500, code);
    if (status === 503 || status === 429) assert.equal(retry, 'later', code);
    if (status === 400 || status === 401 || status === 404) assert.equal(retry, 'never', code);
  }
});

test('an error puts the thing into the sentence and keeps its cause apart', () => {
  const cause = new Error('no such znode');
  const error = new PvcError('PVC_VM_NOT_FOUND', 'web1', { cause });
  assert.equal(error.message, 'Could not find VM "web1" in the cluster');
  assert.equal(error.status, 404);
  assert.equal(error.cause, cause);
});

/** The house rules that a program can check. Every finding is printed as file:line: text. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { deadFiles, packageHomes, unusedPackages, wrongArrows } from '../fixtures/tidy/arrows.js';
import { otherFiles, readProject, ROOT, type Finding } from '../fixtures/tidy/project.js';
import {
  ambientCalls, bannedForms, fileNames, functionSizes, lockRemovals, silencedTests, strayReferences, textSizes,
  unfinishedMarks,
} from '../fixtures/tidy/rules.js';

const sources = readProject();
const texts = otherFiles().map((path) => ({ path, lines: readFileSync(join(ROOT, path), 'utf8').split('\n') }));
const code = [...sources, ...texts.filter(({ path }) => /\.(mjs|sh|css|html)$|^\.ci\//.test(path))];

/** Fails with the findings and nothing else: where in this file the rule stands is of no use to the reader. */
function none(findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const shown = findings.map(({ path, line, text }) => `  ${path}:${line}: ${text}`).join('\n');
  const error = new Error(`${findings.length} findings`);
  error.stack = `${findings.length} findings:\n${shown}`;
  throw error;
}

describe('tidy', () => {
  test('there is something to check', () => assert.ok(sources.length > 50, `${sources.length} files`));
  test('imports follow the arrows', () => none(wrongArrows(sources)));
  test('each outside package has one home', () => none(packageHomes(sources)));
  test('each package of package.json is used', () => none(unusedPackages(sources)));
  test('no dead files', () => none(deadFiles(sources)));
  test('time, chance, environment and console have one home each', () => none(sources.flatMap(ambientCalls)));
  test('no any, default export, export *, barrel, enum, namespace', () => none(sources.flatMap(bannedForms)));
  test('functions are short', () => none(sources.flatMap(functionSizes)));
  test('files and lines are short', () => none(code.flatMap(({ path, lines }) => textSizes(path, lines))));
  test('file names', () => none(sources.flatMap(fileNames)));
  test('nothing is left unfinished', () =>
    none([...sources, ...texts].flatMap(({ path, lines }) => unfinishedMarks(path, lines))));
  test('every page referred to is here', () =>
    none([...sources, ...texts].flatMap(({ path, lines }) => strayReferences(path, lines))));
  test('no lock of an image is removed by hand', () => none(sources.flatMap(lockRemovals)));
  test('no test is left out', () => none(sources.flatMap(silencedTests)));
});

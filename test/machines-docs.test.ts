/** docs/machines.md says what the charts are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { everywhere, stateTable } from '../fixtures/machine-tables.js';
import { COMMIT_EFFECT_NAMES } from '../machines/effects.js';
import { MACHINES } from '../machines/registry.js';

const page = readFileSync(new URL('../../docs/machines.md', import.meta.url), 'utf8');

for (const definition of MACHINES) {
  test(`the table of ${definition.kind} is the chart's`, () => {
    const table = stateTable(definition);
    assert.ok(page.includes(table), `docs/machines.md does not hold the table of ${definition.kind}; it is:\n${table}`);
    const rest = everywhere(definition);
    assert.ok(page.includes(rest), `docs/machines.md does not say what ${definition.kind} handles everywhere: ${rest}`);
  });

  test(`every effect and command of ${definition.kind} is named`, () => {
    const names = [...definition.worldEffects, ...definition.commands, ...COMMIT_EFFECT_NAMES];
    assert.deepEqual(names.filter((name) => !page.includes(`\`${name}\``)), []);
  });
}

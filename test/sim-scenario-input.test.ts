/** Scenarios by strangers: what is wrong with one is named by file and line, with what would be legal. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ScenarioError } from '../fixtures/sim/scenario/document.js';
import { notJsonAt } from '../fixtures/sim/scenario/json-place.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';

const CLUSTER = `{
 "nodes": {"hv1": {}, "hv2": {}},
 "vms": {"101": {"node": "hv1"},
  "102": {"node": "hv2"}}
}`;
const withTop = (more: string): string => CLUSTER.replace('"hv2"}}\n', `"hv2"}},\n${more}\n`);
const withVm = (vm: string): string => CLUSTER.replace('{"node": "hv2"}', vm);

/** null = it is read; otherwise what is said, a line each. */
function said(cluster: string, commands: string): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'pvc-scenario-'));
  try {
    writeFileSync(join(folder, 'cluster.json'), cluster);
    writeFileSync(join(folder, 'commands.json'), commands);
    readScenario(folder);
    return null;
  } catch (error) {
    if (error instanceof ScenarioError) return error.message;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('a malformed scenario', () => {
  const commands: readonly (readonly [command: string, told: RegExp])[] = [
    ['explode hv1', /^commands.json:2: "explode hv1" is not a command; legal: power, /],
    ['power hv9 on', /^commands.json:2: there is no node "hv9"; legal: hv1, hv2$/],
    ['vm 999 start', /^commands.json:2: there is no VM "999"; legal: 101, 102$/],
    ['storage osd.77 down', /^commands.json:2: there is no OSD "osd.77"; legal: osd.0, /],
    ['vm 101 migrate hv2 please', /^commands.json:2: .* legal: vm <id> migrate \[node\] \[force\]$/],
    ['delay -5', /^commands.json:2: .* legal: a number from 0$/],
    ['vm 9 define hv1 migrate', /^commands.json:2: .* legal: start, stop, disable, fail$/],
    ['rule a apart 101,7', /^commands.json:2: there is no VM "7"; legal: 101, 102$/],
    ['rule a nodes 101 hv1=x', /^commands.json:2: .*"x" is no number of a priority/],
    ['install hv1 newest', /^commands.json:2: there is no release "newest"; legal: old, new$/],
    ['disk hv1 older', /^commands.json:2: .* legal: disk <node> slow <ms> or disk <node> keep\|old$/],
  ];
  for (const [command, told] of commands) {
    it(`command: ${command}`, () => assert.match(said(CLUSTER, `[["power hv1 on"],\n["${command}"]]`) ?? '', told));
  }

  const clusters: readonly (readonly [what: string, cluster: string, told: RegExp])[] = [
    ['a comment', `// mine\n${CLUSTER}`, /^cluster.json:1: is not JSON/],
    ['a comma too many', withVm('{"node": "hv2",\n}'), /^cluster.json:5: is not JSON/],
    ['a word without quotes', withVm('{"node":\n hv2}'), /^cluster.json:5: is not JSON/],
    ['an end too early', '{\n"nodes": {', /^cluster.json:2: is not JSON/],
    ['a key of nobody', withVm('{"node": "hv2",\n "memory": 5}'),
      /^cluster.json:5: a VM has no "memory"; legal: autostart/],
    ['a key twice', withVm('{"node": "hv2",\n "node": "hv1"}'), /^cluster.json:5: a key is there twice/],
    ['a node that is not there', withVm('{"node": "hv7"}'),
      /^cluster.json:4: there is no node "hv7"; legal: hv1, hv2$/],
    ['together and apart', withTop(`"rules": [
      {"kind": "vm-affinity", "vms": ["101", "102"], "together": true, "strict": true},
      {"kind": "vm-affinity", "vms": ["102", "101"], "together": false, "strict": true}]`),
    /^cluster.json:7: contradicts .* cannot strictly be together and apart$/],
    ['no node left', withTop(`"rules": [
      {"kind": "node-affinity", "vms": ["101"], "nodes": {"hv1": 1}, "strict": true},
      {"kind": "node-affinity", "vms": ["101"], "nodes": {"hv2": 1}, "strict": true}]`),
    /^cluster.json:7: contradicts the rules before it: no node is left/],
  ];
  for (const [what, cluster, told] of clusters) {
    it(`cluster: ${what}`, () => assert.match(said(cluster, '[]') ?? '', told));
  }

  it('is told whole, all at once', () => {
    const told = said(withVm('{"node": "hv7", "vcpus": "2"}'), '[["power hv9 on",\n 5]]')!.split('\n');
    assert.deepEqual(told.map((line) => line.split(': ')[0]), [
      'cluster.json:4', 'cluster.json:4', 'commands.json:1', 'commands.json:2',
    ]);
  });
});

describe('a scenario that looks odd', () => {
  it('is read with a byte order mark, as some editors leave it', () =>
    assert.equal(said(`\ufeff${CLUSTER}`, '[]'), null));
  it('is read without VMs, without commands, with groups of nothing', () =>
    assert.equal(said('{"nodes": {"hv1": {}}}', '[[], ["delay 0"], []]'), null));
  it('may name in a rule the VM that a command defines', () => assert.equal(said(withTop(
    '"rules": [{"kind": "vm-affinity", "vms": ["101", "X9"], "together": false, "strict": true}]'),
  '[["vm X9 define hv1 start memory 5 vcpus 1 running"], ["rule r together 102,X9", "rule r remove"]]'), null));
});

describe('where a text stops being JSON', () => {
  const places: readonly (readonly [text: string, at: number | null])[] = [
    ['{"a": [1, -2.5e3, true, null, "x\\u00e9\\n"], "b": {}}', null],
    ['  7 ', null], ['', 0], ['[1,]', 3], ['[1 2]', 3],
    ['{"a" 1}', 5], ['{a: 1}', 1], ["{'a': 1}", 1], ['{"a": on}', 6], ['{"a": 01}', 6], ['[1}', 2], ['{"a": 1,}', 8],
    ['[1] [2]', 4], ['["a', 1], ['{"a": tru}', 6], ['[', 1], ['{"a":', 5], ['["a\nb"]', 1], ['[nulls]', 1],
  ];
  for (const [text, at] of places) {
    it(JSON.stringify(text), () => {
      assert.equal(notJsonAt(text), at);
      if (at === null) JSON.parse(text);
      else assert.throws(() => JSON.parse(text) as unknown, SyntaxError);
    });
  }
});

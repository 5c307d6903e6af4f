/** `pvc` as a user runs it: the compiled program as a child process, against a real HTTP server. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { runProgram } from '../actors/process.js';
import { allCommands, GROUPS } from '../api/cli/areas.js';
import { WEB1 } from '../fixtures/cli-objects.js';
import { CliDesk, PROGRAM } from '../fixtures/cli-run.js';

let desk: CliDesk;
before(async () => {
  desk = await CliDesk.open();
});
after(() => desk.close());
beforeEach(() => desk.reset());

const pvc: CliDesk['pvc'] = (args, options) => desk.pvc(args, options);

test('every command and group explains itself', async () => {
  const commands = await allCommands();
  assert.ok(commands.length >= 40, `${commands.length} commands`);
  for (const { path, summary, examples } of commands) {
    const page = await desk.pvcHere([...path, '-h']);
    assert.equal(page.status, 0, path.join(' '));
    for (const part of [`Usage: pvc ${path.join(' ')}`, 'Options:', '-h, --help', 'Example', examples[0] ?? '']) {
      assert.ok(page.stdout.includes(part), `pvc ${path.join(' ')} -h has "${part}"`);
    }
    assert.ok(page.stdout.replaceAll(/\s+/g, ' ').includes(summary), summary);
    assert.match(summary, /^[A-Z].*\.$/, 'a summary is a sentence');
    assert.ok(
      page.stdout.split('\n').every((line) => line.length <= 120),
      `${path.join(' ')}: lines of at most 120 columns`,
    );
  }
  for (const { path } of GROUPS.filter((group) => !commands.some((one) => one.path.join() === group.path.join()))) {
    const page = await desk.pvcHere([...path]);
    assert.equal(page.status, 0);
    assert.match(page.stdout, /Commands:/);
  }
});

test('options of one command do not collide', async () => {
  for (const { path, options = [] } of await allCommands()) {
    const words = options
      .flatMap((one) => [one.name, one.off?.name, one.short, one.off?.short, one.alias])
      .filter((one) => one !== undefined);
    assert.equal(new Set([...words, 'help', 'h']).size, words.length + 2, path.join(' '));
  }
});

test('help and version come from the program, on stdout, with exit code 0', async () => {
  const help = await pvc(['--help']);
  assert.equal(help.status, 0);
  assert.match(help.stdout, /Usage: pvc \[OPTIONS\] COMMAND/);
  assert.match((await pvc(['--version'])).stdout, /client version \d/);
  assert.equal((await pvc(['vm', 'tag'])).status, 0);
});

test('wrong words are answered with the nearest right one and exit code 2', async () => {
  const cases: [string[], RegExp][] = [
    [['vm', 'strt', 'web1'], /did you mean "pvc vm start"/],
    [['clutser', 'status'], /did you mean "pvc cluster"/],
    [['vm', 'list', '--stat', 'x'], /did you mean --state/],
    [['vm', 'start'], /needs VM/],
    [['vm', 'start', 'a', 'b'], /does not know what to do with "b"/],
    [['vm', 'list', '-f', 'jsn'], /must be one of pretty, raw, json, json-pretty.*did you mean json/],
    [['vm', 'define', 'x.xml', '-d', 'soon'], /--max-downtime must be a number/],
    [['vm', 'meta', 'web1'], /Nothing to change/],
    [['vm', 'list', '--state'], /--state needs a value/],
    [['api', 'FROB', '/x'], /METHOD must be one of/],
    [['vm', 'define', '/nosuch.xml'], /cannot be read/],
    [['-c', 'tst', 'vm', 'list'], /There is no connection "tst" \(did you mean "test"\?\)/],
  ];
  for (const [args, expected] of cases) {
    const result = await pvc(args);
    assert.equal(result.status, 2, args.join(' '));
    assert.match(result.stderr, expected);
    assert.equal(result.stdout, '');
  }
});

test('exit codes: not found 3, key 4, unreachable 5, conflict 7', async () => {
  const missing = await pvc(['vm', 'info', 'nosuch']);
  assert.deepEqual([missing.status, missing.stderr], [3, 'Could not find VM "nosuch" in the cluster\n']);
  assert.deepEqual((await pvc(['vm', 'unmigrate', 'web1'])).status, 7);
  const unknown = { description: '', host: '127.0.0.1', port: 1, scheme: 'http', api_key: 'x' };
  desk.writeStore({ test: unknown, badkey: { ...unknown, port: desk.api.port } });
  const unreachable = await pvc(['vm', 'list']);
  assert.equal(unreachable.status, 5);
  assert.match(unreachable.stderr, /cannot be reached \(ECONNREFUSED\).*"pvc connection list"/);
  const refused = await pvc(['-c', 'badkey', 'vm', 'list']);
  assert.equal(refused.status, 4);
  assert.match(refused.stderr, /did not accept the key.*pvc connection add badkey/);
  assert.equal((await pvc(['-c', 'badkey', 'events'])).status, 4);
});

test('lists and pages in every format', async () => {
  assert.match(
    (await pvc(['vm', 'list'])).stdout,
    /^VMs -+ +Resources -+ +Node -+\nName +State +Tags .*\nweb1 +start +prod +0 +upstream +128 +2 +hv2 +no\n$/,
  );
  assert.equal((await pvc(['vm', 'list', '-f', 'raw'])).stdout, 'web1\n');
  assert.deepEqual(JSON.parse((await pvc(['vm', 'list', '-f', 'json'])).stdout), [WEB1]);
  assert.match((await pvc(['vm', 'info', 'web1'])).stdout, /Name: +web1\n[^]*Migration method: +Live, Shutdown\n/);
  assert.match((await pvc(['vm', 'info', 'web1', '-f', 'long'])).stdout, /Interfaces: +ID[^]*virtio/);
  assert.match((await pvc(['node', 'list'])).stdout, /hv2 +2\.0\.0 +100% +run +primary +ready +1 +2 +0\.5 +8192/);
  assert.match((await pvc(['node', 'info', 'hv2', '-f', 'long'])).stdout, /Health Plugin Details: +load: fine/);
  assert.match(
    (await pvc(['cluster', 'status'])).stdout,
    /Health: +80%\nActive faults: +AB12 \(-20%\) node hv3[^]*Nodes: +2\/3 run,ready, 1\/3 dead,ready/,
  );
  assert.match((await pvc(['cluster', 'status', '-f', 'json-pretty'])).stdout, /^{\n {2}"cluster_health"/);
  assert.equal((await pvc(['vm', 'memory', 'get', 'web1', '-f', 'raw'])).stdout, '128\n');
  assert.match((await pvc(['vm', 'vcpu', 'get', 'web1'])).stdout, /2 +1 +2 +1/);
  assert.match((await pvc(['vm', 'tag', 'get', 'web1'])).stdout, /prod +user +True/);
  assert.equal((await pvc(['vm', 'log', 'web1', '-l', '2'])).stdout, 'uptime 1\nuptime 2\n');
  assert.equal((await pvc(['vm', 'dump', 'web1'])).stdout, WEB1.xml);
  assert.match((await pvc(['--colour', 'vm', 'list'])).stdout, /\u001b\[92mstart\u001b\[0m/);
});

test('node is-primary speaks by its exit code alone', async () => {
  assert.deepEqual(await pvc(['node', 'is-primary', 'hv2']), { status: 0, stdout: '', stderr: '', timedOut: false });
  assert.deepEqual(await pvc(['node', 'is-primary', 'hv1']), { status: 1, stdout: '', stderr: '', timedOut: false });
});

test("PVC's options become PVC's parameters", async () => {
  writeFileSync(join(desk.home, 'vm.xml'), WEB1.xml);
  assert.equal(
    (
      await pvc([
        'vm',
        'define',
        join(desk.home, 'vm.xml'),
        '-t',
        'hv1',
        '-l',
        'hv1,hv2',
        '-a',
        '-g',
        'x',
        '-g',
        'y',
        '-G',
        'z',
      ])
    ).status,
    0,
  );
  const define = desk.api.seen.at(-1);
  assert.equal(define?.form.get('xml'), WEB1.xml);
  assert.deepEqual(define?.query.getAll('user_tags'), ['x', 'y']);
  assert.equal(
    define?.query.toString(),
    'node=hv1&limit=hv1%2Chv2&selector=none&autostart=true&migration_method=none' +
      '&migration_max_downtime=300&user_tags=x&user_tags=y&protected_tags=z',
  );
  await pvc(['node', 'list', '-ds', 'run', '-cs', 'primary']);
  assert.equal(desk.api.seen.at(-1)?.query.toString(), 'daemon_state=run&coordinator_state=primary');
  await pvc(['vm', 'define', '-'], { input: '<domain/>' });
  assert.equal(desk.api.seen.at(-1)?.form.get('xml'), '<domain/>');
  assert.match(
    (await pvc(['api', 'GET', '/api/v1/status/primary_node', '-f', 'json'])).stdout,
    /^{"primary_node":"hv2"}\n$/,
  );
});

test('destructive commands ask, and -y, --unsafe, PVC_UNSAFE do not', async () => {
  const no = await pvc(['vm', 'undefine', 'web1'], { input: 'n\n' });
  assert.equal(no.status, 1);
  assert.match(no.stderr, /Remove definition of virtual machine "web1" \[y\/N\]\? Aborted/);
  assert.equal(desk.api.seen.length, 0);
  assert.equal((await pvc(['vm', 'undefine', 'web1'])).status, 1, 'no answer is no');
  for (const [args, env] of [
    [['-y'], {}],
    [['--unsafe'], {}],
    [[], { PVC_UNSAFE: '1' }],
  ] as const) {
    assert.equal(
      (await pvc(['vm', 'undefine', 'web1', ...args], { env })).stdout,
      'Undefined VM "web1" from the cluster.\n',
    );
  }
  assert.equal((await pvc(['vm', 'undefine', 'web1'], { input: 'y\n' })).status, 0);
  assert.equal((await pvc(['vm', 'remove', 'web1', '-y'])).status, 0);
  assert.equal(desk.api.seen.at(-1)?.query.get('delete_disks'), 'true');
});

test('vm modify shows the difference and sends the new XML', async () => {
  const changed = WEB1.xml.replace('128', '256');
  const result = await pvc(['vm', 'modify', 'web1', '-', '-y'], { input: changed });
  assert.match(
    result.stdout,
    /- {2}<memory>128<\/memory>\n\+ {2}<memory>256<\/memory>[^]*Successfully modified .* Changes will be applied on/,
  );
  assert.equal(desk.api.seen.at(-1)?.form.get('xml'), changed.trim());
  assert.match((await pvc(['vm', 'modify', 'web1', '-'], { input: WEB1.xml })).stdout, /no modifications/);
  const edited = await pvc(['vm', 'modify', 'web1', '-e', '-y', '-r'], { env: { EDITOR: 'sed -i s/128/512/' } });
  assert.match(edited.stdout, /\+ {2}<memory>512/);
  assert.equal(desk.api.seen.at(-1)?.query.get('restart'), 'true');
});

test('--debug prints each call as curl and never the key', async () => {
  const { stderr } = await pvc(['--debug', 'vm', 'start', 'web1']);
  assert.match(
    stderr,
    /^curl -sS -X POST -H "X-Api-Key: \$PVC_API_KEY" 'http:\/\/127\.0\.0\.1:\d+\/api\/v1\/vm\/web1\/state\?state=start/,
  );
  assert.ok(!stderr.includes(desk.api.key));
  assert.match((await pvc(['vm', 'start', 'web1'], { env: { PVC_DEBUG: '1' } })).stderr, /curl/);
  assert.deepEqual(await pvc(['--silent', 'vm', 'info', 'nosuch']), {
    status: 3,
    stdout: '',
    stderr: '',
    timedOut: false,
  });
});

test("the store of connections is PVC's file", async () => {
  assert.match(
    (await pvc(['connection', 'add', 'home', '-a', '10.0.0.9', '-k', 'abc-123', '-s'])).stdout,
    /Added connection "home" \(https:\/\/10\.0\.0\.9:7370\)/,
  );
  assert.equal(statSync(join(desk.home, 'pvc.json')).mode & 0o777, 0o600);
  const stored = JSON.parse(readFileSync(join(desk.home, 'pvc.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(stored['home'], {
    description: 'N/A',
    host: '10.0.0.9',
    port: 7370,
    scheme: 'https',
    api_key: 'abc-123',
  });
  assert.match((await pvc(['connection', 'list'])).stdout, /home +N\/A +10\.0\.0\.9 +7370 +https +xxx-xxx/);
  assert.match((await pvc(['connection', 'list', '-k', '-f', 'json'])).stdout, /"api_key":"abc-123"/);
  assert.match((await pvc(['connection', 'remove', 'home'])).stdout, /Removed connection "home"/);
  assert.equal((await pvc(['connection', 'remove', 'home'])).status, 3);
  assert.match((await pvc(['connection', 'detail'])).stdout, /test +Test +80% +hv2/);
  writeFileSync(join(desk.home, 'pvc.json'), 'not json');
  const broken = await pvc(['connection', 'add', 'x', '-a', 'y']);
  assert.equal(broken.status, 1);
  assert.equal(readFileSync(join(desk.home, 'pvc.json'), 'utf8'), 'not json', 'a broken store is not overwritten');
});

test('"local" is the configuration of this host, else the running rack', async () => {
  const env = { PVC_CONNECTION: '' };
  const nothing = await pvc(['vm', 'list'], { env });
  assert.equal(nothing.status, 5);
  assert.match(nothing.stderr, /npm start/);
  desk.writeRack('a', '/somewhere/else');
  assert.equal((await pvc(['vm', 'list', '-f', 'raw'], { env })).stdout, 'web1\n', 'the only rack');
  desk.writeRack('b', '/another');
  const two = await pvc(['vm', 'list'], { env });
  assert.equal(two.status, 2);
  assert.match(two.stderr, /2 racks are running here \(a, b\): choose one with -c rack:a/);
  assert.equal((await pvc(['-c', 'rack:b', 'vm', 'list', '-f', 'raw'], { env })).stdout, 'web1\n');
  desk.writeRack('c', join(PROGRAM, '../../../..'));
  assert.match((await pvc(['connection', 'list'], { env })).stdout, /local +rack c/, 'the rack of this clone');
  writeFileSync(
    join(desk.home, 'pvc.conf'),
    `api:\n  listen: {address: 0.0.0.0, port: ${desk.api.port}}\n  token: [{description: a, token: ${desk.api.key}}]\n`,
  );
  const conf = { ...env, PVC_CONFIG_FILE: join(desk.home, 'pvc.conf') };
  assert.equal((await pvc(['vm', 'list', '-f', 'raw'], { env: conf })).stdout, 'web1\n');
  assert.match((await pvc(['connection', 'list'], { env: conf })).stdout, /local +\S*pvc\.conf +127\.0\.0\.1/);
});

test('completion knows groups, commands and options', async () => {
  const { stdout, status } = await pvc(['completion', 'bash']);
  assert.equal(status, 0);
  assert.match(stdout, /"vm tag"\) words="get add remove"/);
  assert.match(stdout, /"vm migrate"\) words="--target --force/);
  const shell = await runProgram(
    '/bin/bash',
    ['-c', `${stdout}\nCOMP_WORDS=(pvc vm tag ''); COMP_CWORD=3; _pvc; echo "\${COMPREPLY[@]}"`],
    { deadlineMs: 5_000 },
  );
  assert.equal(shell.stdout, 'get add remove\n');
});

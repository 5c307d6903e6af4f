import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../api/config-reader.js';
import { loadConfig, nodeId } from '../api/config.js';

const RACK = `
cluster:
  name: rack
  all_nodes: [hv1, hv2, hv3]
  coordinator_nodes: [hv1, hv2, hv3]
  networks:
    upstream: {device: up0, ipv4: {network_address: 10.77.0.0/24, floating_address: 10.77.0.250/24},
      node_ip_selection: by-id}
    cluster:  {device: cl0, ipv4: {network_address: 10.77.1.0/24, floating_address: 10.77.1.250/24},
      node_ip_selection: by-id}
    storage:  {device: st0, ipv4: {network_address: 10.77.2.0/24, floating_address: 10.77.2.250/24},
      node_ip_selection: by-id}
database: {zookeeper: {port: 2181, session_timeout_ms: 4000, tick_ms: 400, sync_limit: 2, root: /pvc}}
timer: {vm_shutdown_timeout: 180, telemetry_interval_ms: 1000}
fencing: {ipmi: {hostname: "10.77.0.{node_id_plus_100}", port: 623, username: ipmiusr, password: test}}
migration: {target_selector: mem}
api:
  listen: {address: 0.0.0.0, port: 7370}
  authentication: {enabled: true}
  token: [{description: rack, token: 0c5f0d1e-6c0f-4f7a-9d43-0a4b5a0c1d2e}]
capacity: {memory_mib: 4096, cpus: 4}
`;

/** The rack's text with one piece replaced. */
function changed(piece: string, by: string): string {
  assert.ok(RACK.includes(piece), piece);
  return RACK.replace(piece, by);
}

function problem(text: string, hostname = 'hv1'): string {
  try {
    loadConfig(text, hostname);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail('was accepted');
}

describe('the configuration', () => {
  it('of the rack is read as it is meant', () => {
    const warnings: string[] = [];
    const config = loadConfig(RACK, 'hv2.example.org', { warn: (text) => warnings.push(text) });
    assert.deepEqual(warnings, []);
    assert.equal(config.node, 'hv2');
    assert.deepEqual(config.addresses['hv3'], { upstream: '10.77.0.3', cluster: '10.77.1.3', storage: '10.77.2.3' });
    assert.deepEqual(config.networks.cluster, {
      device: 'cl0', networkAddress: '10.77.1.0/24', floatingAddress: '10.77.1.250/24',
    });
    assert.deepEqual(config.zookeeper, { port: 2181, sessionTimeoutMs: 4000, tickMs: 400, syncLimit: 2, root: '/pvc' });
    const access = { host: '10.77.0.102', port: 623, username: 'ipmiusr', password: 'test' };
    assert.deepEqual(config.fencing.bmc['hv2'], access);
    assert.deepEqual(config.timers, { vmShutdownMs: 180_000, telemetryMs: 1000 });
    assert.deepEqual(config.capacity, { memoryMiB: 4096, cpus: 4 });
    assert.equal(config.api.tokens[0]?.description, 'rack');
    assert.equal(config.paths.run, '/run/pvc');
  });

  it('has a key to ZooKeeper if one is given, and never shows it', () => {
    const withAuth = (text: string): string => changed('root: /pvc}', `root: /pvc, auth: ${text}}`);
    const authOf = (text: string): unknown => loadConfig(withAuth(text), 'hv1').zookeeper.auth;
    assert.equal(loadConfig(RACK, 'hv1').zookeeper.auth, undefined);
    assert.deepEqual(authOf('{user: rack, password: "12345678"}'), {
      scheme: 'digest', id: 'rack:12345678', nodes: 'guarded',
    });
    assert.deepEqual(authOf('{password: a:long-one, nodes: open}'), {
      scheme: 'digest', id: 'pvc:a:long-one', nodes: 'open',
    });
    const wrong = ['{}', '{password: "1234567"}', '{password: 12345678}', '{password: "with spaces in it"}'];
    for (const text of wrong) {
      const told = problem(withAuth(text));
      assert.match(told, /database\.zookeeper\.auth\.password: .*8 to 255 visible characters/);
      assert.doesNotMatch(told, /1234567|with spaces/);
    }
    const colon = problem(withAuth('{user: "a:b", password: "12345678"}'));
    assert.match(colon, /auth\.user: must be a word without a colon/);
  });

  it('has PVC\'s defaults, PVC\'s netmask form, and its placeholder', () => {
    const text = `
cluster:
  all_nodes: [pvchv1, pvchv2]
  coordinator_nodes: [pvchv1]
  networks:
    upstream: &n {device: bond0, ipv4: {netmask: 24, network_address: 10.0.0.0, floating_address: 10.0.0.250}}
    cluster: *n
    storage: {device: bond1, ipv4: {network_address: 10.1.0.0/16}}
fencing: {ipmi: {hostname: "pvchv{node_id}-lom", username: u, password: p}}
api: {token: [{token: "01234567"}]}
`;
    const config = loadConfig(text, 'pvchv2');
    assert.deepEqual(config.zookeeper, { port: 2181, sessionTimeoutMs: 4000, tickMs: 400, syncLimit: 2, root: '/pvc' });
    assert.equal(config.networks.upstream.floatingAddress, '10.0.0.250/24');
    assert.equal(config.networks.storage.floatingAddress, null);
    assert.equal(config.fencing.bmc['pvchv2']?.host, 'pvchv2-lom');
    assert.equal(config.timers.vmShutdownMs, 180_000);
    assert.equal(config.targetSelector, 'mem');
    assert.equal(config.api.port, 7370);
    assert.deepEqual(config.capacity, { memoryMiB: null, cpus: null });
  });

  it('lets unknown keys and PVC\'s unused keys pass, and says so', () => {
    const warnings: string[] = [];
    const text = changed('timer: {', 'logging: {debug_logging: true}\ntimer: {keepalive_interval: 5, colour: red, ');
    loadConfig(text, 'hv1', { warn: (each) => warnings.push(each) });
    assert.deepEqual(warnings.sort(), [
      'logging has no effect in this version', 'timer.colour is not a known key and has no effect',
      'timer.keepalive_interval has no effect in this version',
    ]);
  });

  it('has shared storage if PVC\'s section ceph is there', () => {
    assert.equal(loadConfig(RACK, 'hv1').storage, null);
    const secret = 'd7a3f1c0-93c2-4c8e-9a55-0123456789ab';
    const warnings: string[] = [];
    const storage = (lines: string): unknown =>
      loadConfig(`${RACK}ceph:\n${lines}`, 'hv1', { warn: (each) => warnings.push(each) }).storage;
    assert.deepEqual(storage(`  secret_uuid: ${secret}\n`), {
      confFile: '/etc/ceph/ceph.conf', clientName: 'client.admin',
      adminKeyring: '/etc/ceph/ceph.client.admin.keyring',
      monitors: ['10.77.2.1', '10.77.2.2', '10.77.2.3'].map((host) => ({ host, port: 6789 })),
      guestUser: 'libvirt', guestKeyring: '/etc/ceph/ceph.client.libvirt.keyring', secretUuid: secret,
    });
    assert.deepEqual(storage([
      '  ceph_config_file: /srv/c.conf', '  ceph_keyring_file: /srv/a.keyring', '  client_name: client.pvc',
      '  monitor_port: 3300', '  monitor_hosts: [mon1, 10.0.0.2]', `  secret_uuid: ${secret.toUpperCase()}`,
      '  guest_user: vms', '  guest_keyring_file: /srv/g.keyring',
    ].join('\n')), {
      confFile: '/srv/c.conf', clientName: 'client.pvc', adminKeyring: '/srv/a.keyring',
      monitors: [{ host: 'mon1', port: 3300 }, { host: '10.0.0.2', port: 3300 }],
      guestUser: 'vms', guestKeyring: '/srv/g.keyring', secretUuid: secret,
    });
    assert.deepEqual(warnings, []);
  });

  it('without a BMC is legal, with a warning', () => {
    const warnings: string[] = [];
    const text = RACK.replace(/^fencing:.*$/m, '');
    assert.deepEqual(loadConfig(text, 'hv1', { warn: (each) => warnings.push(each) }).fencing.bmc, {});
    assert.match(warnings.join(), /a person must confirm/);
  });
});

describe('a wrong configuration names the key and what is legal', () => {
  const cases: readonly (readonly [name: string, text: string, message: RegExp])[] = [
    ['empty', '', /must be a YAML mapping/],
    ['a list', '[1, 2]', /must be a YAML mapping, found a list/],
    ['not YAML', 'cluster: {a: [', /not valid YAML/],
    ['a key twice', `${RACK}\ncapacity: {cpus: 5}`, /not valid YAML.*unique/],
    ['no nodes', changed('  all_nodes: [hv1, hv2, hv3]\n', ''), /cluster\.all_nodes: must be a list of at least one/],
    ['a stray coordinator', changed('coordinator_nodes: [hv1,', 'coordinator_nodes: [hv9,'),
      /"hv9" is not one of hv1, hv2, hv3/],
    ['a node without number', changed('all_nodes: [hv1,', 'all_nodes: [web,'),
      /cluster\.all_nodes\[0\]: must be a short hostname/],
    ['a node twice', changed('all_nodes: [hv1, hv2', 'all_nodes: [hv1, hv1'), /names "hv1" twice/],
    ['a number twice', changed('all_nodes: [hv1, hv2, hv3]', 'all_nodes: [hv1, hv2, hv3, x3]'),
      /"x3" is another node's/],
    ['no device', changed('device: cl0, ', ''), /cluster\.networks\.cluster\.device: is missing/],
    ['a bad network', changed('10.77.1.0/24', '10.77.1.0/33'),
      /cluster\.networks\.cluster\.ipv4\.network_address: must be an IPv4/],
    ['a floating address outside', changed('10.77.2.250/24', '10.78.2.250/24'),
      /storage\.ipv4\.floating_address: must be an address of/],
    ['a floating address of a node', changed('10.77.2.250/24', '10.77.2.3/24'), /node hv3's own/],
    ['a node beyond the network', changed('10.77.2.0/24, floating_address: 10.77.2.250/24', '10.77.2.0/30'),
      /no address for node hv3/],
    ['an address of its own', changed('node_ip_selection: by-id', 'node_ip_selection: 10.77.0.7'),
      /node_ip_selection: must be one of by-id/],
    ['a port as text', changed('port: 2181', 'port: "2181"'),
      /database\.zookeeper\.port: must be a whole number from 1 to 65535/],
    ['a short session', changed('session_timeout_ms: 4000', 'session_timeout_ms: 3000'),
      /database\.zookeeper: .*do not fit together/],
    ['a root that is none', changed('root: /pvc', 'root: pvc/'), /database\.zookeeper\.root: must be a path/],
    ['a password as number', changed('password: test', 'password: 1234'),
      /fencing\.ipmi\.password: must be text, put 1234 in quotes/],
    ['a strange placeholder', changed('{node_id_plus_100}', '{node}'),
      /fencing\.ipmi\.hostname: must be a name with \{node_id\}/],
    ['an option as host', changed('"10.77.0.{node_id_plus_100}"', '"-x{node_id}"'), /fencing\.ipmi\.hostname/],
    ['a selector of its own', changed('target_selector: mem', 'target_selector: best'),
      /one of mem, memprov, vcpus, load, vms/],
    ['no key', RACK.replace(/^ {2}token:.*$/m, ''), /api\.token: must hold at least one/],
    ['a flag as text', changed('enabled: true', 'enabled: "yes"'),
      /api\.authentication\.enabled: must be true or false/],
    ['storage without a secret', `${RACK}ceph: {monitor_port: 6789}`, /ceph\.secret_uuid: is missing: .*uuidgen/],
    ['a secret that is none', `${RACK}ceph: {secret_uuid: abc}`,
      /ceph\.secret_uuid: must be a UUID.*found string "abc"/],
    ['a relative ceph.conf', `${RACK}ceph: {secret_uuid: x, ceph_config_file: ceph.conf}`,
      /ceph\.ceph_config_file: must be an absolute path/],
    ['a monitor that is none', `${RACK}ceph: {secret_uuid: x, monitor_hosts: ["a b"]}`,
      /ceph\.monitor_hosts\[0\]: must be a host name or address/],
    ['a guest with client.', `${RACK}ceph: {secret_uuid: x, guest_user: client.libvirt}`,
      /ceph\.guest_user: must be a Ceph user without "client\."/],
    ['a section as text', changed('migration: {target_selector: mem}', 'migration: mem'),
      /migration: must be a section/],
  ];
  for (const [name, text, message] of cases) it(name, () => assert.match(problem(text), message));

  it('another host\'s file', () => {
    assert.match(problem(RACK, 'db7'), /cluster\.all_nodes: does not name this host, "db7"/);
  });
  it('an alias bomb ends at once', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let n = 1; n < 9; n += 1) lines.push(`a${n}: &a${n} [${Array(9).fill(`*a${n - 1}`).join(', ')}]`);
    assert.match(problem(lines.join('\n')), /not valid YAML/);
  });
});

describe('a node\'s id', () => {
  it('is the number at the end of its name', () => {
    assert.equal(nodeId('hv1'), 1);
    assert.equal(nodeId('rack2hv012'), 12);
    assert.equal(nodeId('web'), null);
  });
});

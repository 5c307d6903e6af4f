/** A simulated cluster that lives, as its user sees it: the API, the CLI and the events of a cluster that is broken. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { LiveSimulation, rackElsewhere } from '../fixtures/live-simulation.js';
import { offerSimulation } from '../fixtures/rack/offer.js';
import { eventOf, is } from '../fixtures/event-client.js';
import { rawWebSocket } from '../fixtures/raw-websocket.js';
import { runSimCli } from '../fixtures/sim/cli.js';
import { loadSimulation } from '../fixtures/sim/live/state.js';
import type { LiveStatus } from '../fixtures/sim/live/status.js';
import { systemClock } from '../runtime/clock.js';

interface Vm { readonly name: string; readonly state: string; readonly node: string }

describe('a live simulation', () => {
  const live = new LiveSimulation();
  let taken: Server;
  let takenPort = 0;

  before(async () => {
    taken = createServer().listen({ host: '127.0.0.1', port: 0 });
    await new Promise((resolve) => taken.once('listening', resolve));
    takenPort = (taken.address() as { port: number }).port;
    await live.up(['--port', String(takenPort), '--speed', '4', '--vms', '1']);
  });
  after(async () => {
    await live.clear();
    taken.close();
  });

  const vms = async (): Promise<Vm[]> => JSON.parse((await live.pvc('vm', 'list', '-f', 'json')).stdout) as Vm[];
  const vm = async (name: string): Promise<Vm> => (await vms()).find((one) => one.name === name)!;
  const status = async (): Promise<LiveStatus> =>
    JSON.parse((await live.sim('status', '--json')).stdout) as LiveStatus;
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${live.state.port}${path}`, {
    headers: { 'X-Api-Key': live.state.api_key, Connection: 'close' },
  });

  test('says that nothing of it is real, and takes the next port where its own is taken', async () => {
    const { port } = live.state;
    assert.ok(port > takenPort);
    assert.match(live.said, /SIMULATED: 3 nodes \(hv1 hv2 hv3\)/);
    assert.ok(live.said.includes(`http://127.0.0.1:${port}/api/v1  (port ${takenPort} is taken)`), live.said);
    assert.ok(live.said.includes(`API key     ${live.state.api_key}`));
    const cluster = await (await get('/api/v1/status')).json() as { pvc_version: string };
    assert.match(cluster.pvc_version, /\+simulated$/);
    const open = await fetch(`http://127.0.0.1:${port}/api/v1/status`);
    assert.equal(open.status, 401);
  });

  test('the CLI finds it, defines a VM and starts it; its console counts', async () => {
    const { stdout: xml } = await live.sim('guest-xml', 'web1');
    const file = join(live.directory, 'web1.xml');
    writeFileSync(file, xml);
    // On the node that answers now: what becomes of the way in is seen when it is lost.
    const { primary } = await status();
    const defined = await live.pvc('vm', 'define', file, '--target', primary ?? '');
    assert.equal(defined.status, 0, defined.stderr);
    const started = await live.pvc('vm', 'start', 'web1', '--wait');
    assert.equal(started.status, 0, started.stderr);
    assert.equal((await vm('web1')).state, 'start');
    await live.until(async () => /^guest: tick 2 /m.test((await live.pvc('vm', 'log', 'web1')).stdout));
    assert.equal((await live.pvc('-c', 'sim', 'node', 'list')).status, 0);
  });

  test('a node without power: the API goes on, its VM runs elsewhere, events are told by cursor', async () => {
    const { node } = await vm('web1');
    const answer = await get('/api/v1/vm/web1');
    const cursor = answer.headers.get('x-cluster-cursor');
    await answer.arrayBuffer();
    const broken = await live.sim('do', 'power', node, 'off');
    assert.equal(broken.stdout, `power ${node} off: done\n`, broken.stderr);
    assert.ok(live.said.includes(`power off ${node} by hand`), live.said);
    await live.until(async () => {
      const now = await vm('web1');
      return now.state === 'start' && now.node !== node;
    });
    const socket = await rawWebSocket({ host: '127.0.0.1', port: live.state.port }, '/api/v1/events', {
      'X-Api-Key': live.state.api_key,
    });
    socket.send({ frame: 'subscribe', id: 's', topics: ['vm:web1', `node:${node}`], since: cursor });
    const lost = eventOf(await socket.next((frame) => is('event')(frame) && eventOf(frame).topic === 'node'));
    const back = eventOf(await socket.next((frame) =>
      is('event')(frame) && eventOf(frame).topic === 'vm' && eventOf(frame).data['to'] === 'running'));
    assert.equal(lost.key, node);
    assert.notEqual(back.node, node);
    assert.ok(socket.frames.findIndex((frame) => frame['event'] === lost)
      < socket.frames.findIndex((frame) => frame['event'] === back));
    socket.end();
    assert.deepEqual((await status()).violations, []);
  });

  test('commands it does not know are turned down with what would be legal', async () => {
    const unknown = await live.sim('do', 'power', 'hv9', 'off');
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /there is no node "hv9"; legal: hv1, hv2, hv3/);
    assert.equal((await live.sim('do', 'delay', '5')).status, 2);
    assert.match((await live.sim('do', 'vm', 'web7', 'crash')).stderr, /there is no VM "web7"; legal: .*web1/);
    assert.match((await live.sim('up')).stderr, /is up already/);
    const crashed = await live.sim('do', 'vm', 'web1', 'crash');
    assert.equal(crashed.status, 0, crashed.stderr);
  });

  test('Ctrl-C ends it and leaves nothing', async () => {
    const { port } = live.state;
    assert.equal(await live.end('SIGINT'), 0);
    assert.match(live.said, /The simulated cluster has ended/);
    assert.deepEqual(live.files.filter((name) => name === 'connection.json'), []);
    await assert.rejects(fetch(`http://127.0.0.1:${port}/api/v1/`));
    assert.match((await live.sim('status')).stderr, /no simulation of this clone is up/);
  });
});

describe('a live simulation in the background', () => {
  const live = new LiveSimulation();
  after(async () => {
    await live.sim('down');
    await live.clear();
  });

  test('comes back when it is ready, and ends when it is told', async () => {
    const { status, stdout, stderr } = await live.sim('up', '--detach', '--nodes', '4', '--port', '17370');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /SIMULATED: 4 nodes/);
    const nodes = JSON.parse((await live.pvc('node', 'list', '-f', 'json')).stdout) as { name: string }[];
    assert.deepEqual(nodes.map((node) => node.name), ['hv1', 'hv2', 'hv3', 'hv4']);
    const { pid } = live.state;
    assert.equal((await live.sim('down')).status, 0);
    await live.until(() => Promise.resolve(loadSimulation(live.directory) === null));
    await live.until(() => {
      try {
        process.kill(pid, 0);
        return Promise.resolve(false);
      } catch {
        return Promise.resolve(true);
      }
    });
  });
});

describe('where no rack can be had', () => {
  test('npm start says what is missing, names the simulation, and fails', async () => {
    const nobody = await rackElsewhere('process.getuid = () => 1000');
    assert.equal(nobody.status, 1);
    assert.match(nobody.stderr, /a rack needs root/);
    assert.match(nobody.stderr, /Start it with: npm run sim -- --nodes 4/);
    const mac = await rackElsewhere('Object.defineProperty(process, "platform", { value: "darwin" })');
    assert.equal(mac.status, 1);
    assert.match(mac.stderr, /a rack needs Linux .* this is darwin/);
    assert.match(mac.stderr, /Start it with: npm run sim/);
  });

  test('any other failure stays one', async () => {
    const arm = await rackElsewhere('Object.defineProperty(process, "arch", { value: "arm64" })'
      + '; process.getuid = () => 0');
    assert.equal(arm.status, 1);
    assert.match(arm.stderr, /a rack needs an x86-64 machine; this is arm64/);
    assert.doesNotMatch(arm.stderr, /npm run sim/);
  });

  const onTerminal = (directory: string) => {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    let said = '';
    for (const stream of [streams.stdout, streams.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => { said += text; });
    }
    const terminal = {
      stdin: Object.assign(streams.stdin, { isTTY: true }), stdout: Object.assign(streams.stdout, { isTTY: true }),
      stderr: streams.stderr,
    };
    const flags = { simDirectory: directory, port: '27370' };
    return {
      stdin: streams.stdin, said: () => said,
      status: offerSimulation(flags, terminal, new AbortController().signal),
    };
  };

  test('on a terminal it asks: a no is a failure, a yes brings the simulation up', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pvc-sim-offer-'));
    try {
      const no = onTerminal(directory);
      no.stdin.end('n\n');
      assert.equal(await no.status, 1);
      const yes = onTerminal(directory);
      yes.stdin.write('\n');
      while (!yes.said().includes('  Stop  ')) await Promise.race([systemClock.sleep(100), yes.status]);
      let told = '';
      const out = (text: string): void => { told += text; };
      assert.equal(await runSimCli(['down'], { out, err: out, simDirectory: directory }), 0, told);
      assert.equal(await yes.status, 0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DOMAIN_XML_LIMITS, parseDomainXml, readStamp, stampDomainXml } from '../actors/domain-xml.js';
import { systemClock } from '../runtime/clock.js';

const UUID = '3c4f6a2e-9d3b-4c0f-8a51-0f2d7b9e1c11';
const HEAD = `<name>web1</name><uuid>${UUID}</uuid>`;
const SIZE = "<memory unit='MiB'>512</memory><vcpu>2</vcpu>";
const domain = (devices: string, rest = HEAD + SIZE): string =>
  `<domain type='kvm' id='9'>${rest}<devices>${devices}</devices></domain>`;

const RBD = "<disk type='network' device='disk'><source protocol='rbd' name='vms/web1_disk0'/>"
  + "<target dev='sda' bus='scsi'/></disk>";
const CDROM = "<disk type='file' device='cdrom'><source file='/iso/d.iso'/>"
  + "<target dev='hdc' bus='ide'/><readonly/></disk>";

function summaryOf(xml: string) {
  const parsed = parseDomainXml(xml);
  if (!parsed.ok) assert.fail(parsed.reason);
  return parsed.summary;
}
function reasonOf(xml: string): string {
  const begunMs = systemClock.monotonicMs();
  const parsed = parseDomainXml(xml);
  const tookMs = systemClock.monotonicMs() - begunMs;
  assert.ok(tookMs < 2000, `took ${tookMs} ms`);
  if (parsed.ok) assert.fail(`accepted: ${xml.slice(0, 200)}`);
  assert.ok(parsed.reason.length < 400, parsed.reason);
  return parsed.reason;
}

describe('a domain XML is read', () => {
  it('into the fields of the VM object', () => {
    const summary = summaryOf(`<?xml version="1.0"?>\n<domain type='kvm'>
      <name>web1</name><uuid>${UUID.toUpperCase()}</uuid><description>a &amp; b <![CDATA[<c>]]></description>
      <memory unit='GiB'>2</memory><currentMemory unit='KiB'>1</currentMemory><vcpu placement='static'>4</vcpu>
      <cpu><topology sockets='1' cores='2' threads='2'/></cpu>
      <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type><boot dev='hd'/></os>
      <features><acpi/><apic/><pae/></features>
      <devices><emulator>/usr/bin/kvm</emulator>
        <controller type='scsi' model='virtio-scsi'/>
        ${RBD}${CDROM}
        <interface type='bridge'>
          <mac address='52:54:00:01:02:03'/><source bridge='vmbr100'/><model type='virtio'/>
        </interface>
        <interface type='bridge'><source bridge='brcluster'/></interface>
        <interface type='direct'><source dev='ens4' mode='bridge'/></interface>
        <serial type='pty'/><console type='pty'/>
        <graphics type='vnc' port='5901' listen='10.0.0.1'/>
      </devices></domain>`);
    assert.deepEqual(summary, {
      name: 'web1', uuid: UUID, description: 'a & b <c>', memoryMiB: 2048, vcpus: 4, vcpuTopology: '1/2/2', type: 'hvm',
      arch: 'x86_64', machine: 'pc-i440fx-7.2', emulator: '/usr/bin/kvm', features: ['acpi', 'apic', 'pae'],
      disks: [
        { type: 'rbd', name: 'vms/web1_disk0', dev: 'sda', bus: 'scsi' },
        { type: 'file', name: '/iso/d.iso', dev: 'hdc', bus: 'ide' },
      ],
      networks: [
        { type: 'bridge', vni: '100', mac: '52:54:00:01:02:03', source: 'vmbr100', model: 'virtio' },
        { type: 'bridge', vni: 'cluster', mac: '', source: 'brcluster', model: '' },
        { type: 'direct', vni: 'direct:ens4', mac: '', source: 'ens4', model: '' },
      ],
      controllers: [{ type: 'scsi', model: 'virtio-scsi' }], console: 'pty', vnc: { listen: '10.0.0.1', port: 5901 },
      diskless: false, rbdOnly: true,
      rbdDisks: [{ volume: 'vms/web1_disk0', dev: 'sda', shareable: false, readOnly: false }],
    });
  });

  it('with libvirt\'s units of memory, rounded up to MiB', () => {
    const cases: [string, string, number][] = [
      ['', '524288', 512], ['KiB', '1', 1], ['k', '2048', 2], ['KB', '1048577', 1001], ['b', '1048577', 2],
      ['bytes', '5', 1],
      ['M', '7', 7], ['MiB', '7', 7], ['MB', '1049', 1001], ['G', '3', 3072], ['GiB', '1', 1024], ['T', '1', 1048576],
    ];
    for (const [unit, amount, expected] of cases) {
      const attribute = unit === '' ? '' : ` unit='${unit}'`;
      const xml = domain('', `${HEAD}<memory${attribute}>${amount}</memory><vcpu>1</vcpu>`);
      assert.equal(summaryOf(xml).memoryMiB, expected, `${amount} ${unit}`);
    }
  });

  it('and without disks is diskless, which storage cannot fence', () => {
    const summary = summaryOf(domain('<console type="pty"/>'));
    assert.equal(summary.diskless, true);
    assert.equal(summary.rbdOnly, false);
    assert.equal(summary.vnc, null);
    assert.equal(summary.vcpuTopology, '2/1/1');
  });
});

describe('rbdOnly', () => {
  it('holds for RBD with harmless company', () => {
    const harmless = [
      '', CDROM, "<serial type='pty'/>", "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
      "<interface type='bridge'><source bridge='vmbr1'/></interface>", "<channel type='unix'/>",
      '<video/><graphics type="vnc"/>',
    ];
    for (const company of harmless) {
      assert.equal(summaryOf(domain(RBD + company)).rbdOnly, true, company);
    }
  });
  it('falls with anything else that may be written, and with anything unknown', () => {
    const others = [
      "<disk type='file' device='disk'><source file='/a.img'/><target dev='sdb'/></disk>", "<disk type='block'/>",
      "<disk type='network'><source protocol='nbd' name='x'/></disk>", "<disk type='network' device='floppy'/>",
      RBD.replace('</disk>', '<transient/></disk>'), RBD.replace('</disk>', "<mirror type='file'/></disk>"),
      '<hostdev/>', '<filesystem/>', '<shmem/>', '<tpm/>', '<redirdev/>', '<crypto/>', "<memory model='nvdimm'/>",
      '<something/>',
      "<serial type='file'><source path='/x'/></serial>", "<console type='tcp'/>", "<interface type='hostdev'/>",
      "<interface type='vhostuser'/>", "<rng><backend model='egd'/></rng>",
    ];
    for (const other of others) assert.equal(summaryOf(domain(RBD + other)).rbdOnly, false, other);
    const besides = [
      '<qemu:commandline/>', '<os><nvram>/x</nvram></os>', "<os firmware='efi'/>",
      "<os><loader type='pflash'>/x</loader></os>",
    ];
    for (const other of besides) {
      assert.equal(summaryOf(domain(RBD, HEAD + SIZE + other)).rbdOnly, false, other);
    }
    assert.equal(summaryOf(domain(CDROM)).rbdOnly, false, 'nothing writable: cutting off storage stops nothing');
  });
});

describe('a hostile or mistaken XML is refused with a reason', () => {
  const bytes = DOMAIN_XML_LIMITS.bytesMax - 1000;
  const cases: [string, string, RegExp][] = [
    ['empty', '', /empty/],
    ['no XML', 'hello', /not well formed/],
    ['not UTF-8 text', 'a\u0000b', /control characters/],
    ['a DOCTYPE', `<!DOCTYPE d><domain>${HEAD}</domain>`, /DOCTYPE/],
    ['an entity bomb', '<!DOCTYPE d [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><domain>&b;</domain>', /DOCTYPE/],
    ['an external entity', '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><domain>&a;</domain>', /DOCTYPE/],
    ['an undeclared entity', domain('', `<title>&xxe;</title>${HEAD}${SIZE}`), /write &amp;/],
    ['an undeclared entity in an attribute', domain('<a b="&xxe;"/>'), /write &amp;/],
    ['megabytes', domain('x'.repeat(4 << 20)), /larger than 256 KiB/],
    ['bytes, not letters, are counted', domain('€'.repeat(100_000)), /larger than 256 KiB/],
    ['depth', '<domain>'.repeat(30_000), /nested deeper/],
    ['depth, closed', '<a>'.repeat(60) + '</a>'.repeat(60), /nested deeper/],
    ['very many elements', domain('<a/>'.repeat(60_000)), /more than 8192 elements/],
    ['unclosed tags', '<'.repeat(bytes), /not well formed/],
    ['unclosed CDATA', `<domain>${'<![CDATA['.repeat(bytes / 9 | 0)}`, /not well formed/],
    ['unclosed comments', `<domain>${'<!--'.repeat(bytes / 4 | 0)}`, /not well formed/],
    ['an endless attribute', `<domain a="${'x'.repeat(bytes)}`, /not well formed/],
    ['endless blanks', `<domain ${' '.repeat(bytes)}`, /not well formed/],
    ['names of JavaScript', domain('<__proto__ polluted="1"/>'), /cannot be read/],
    ['two roots', domain('') + domain(''), /not well formed|root elements/],
    ['another root', '<network/>', /must be <domain>/],
    ['no name', domain('', `<uuid>${UUID}</uuid>${SIZE}`), /no <name>: add/],
    ['no uuid', domain('', `<name>a</name>${SIZE}`), /no <uuid>: add/],
    ['no memory', domain('', `${HEAD}<vcpu>1</vcpu>`), /no <memory>: add/],
    ['no vcpu', domain('', `${HEAD}<memory>4096</memory>`), /no <vcpu>: add/],
    ['a bad uuid', domain('', `<name>a</name><uuid>1234</uuid>${SIZE}`), /<uuid> is "1234"/],
    ['two uuids', domain('', HEAD + `<uuid>${UUID}</uuid>` + SIZE), /2 <uuid> elements: keep one/],
    ['two names', domain('', `<name>b</name>${HEAD}${SIZE}`), /2 <name> elements: keep one/],
    ['no memory at all', domain('', `${HEAD}<memory>0</memory><vcpu>1</vcpu>`), /from 1 MiB/],
    ['words for memory', domain('', `${HEAD}<memory>lots</memory><vcpu>1</vcpu>`), /whole number/],
    ['a strange unit', domain('', `${HEAD}<memory unit='Ki'>1</memory><vcpu>1</vcpu>`), /is no unit/],
    ['no CPU', domain('', `${HEAD}<memory>4096</memory><vcpu>0</vcpu>`), /<vcpu> is "0"/],
    ['a wrong topology', domain('', `${HEAD}${SIZE}<cpu><topology sockets='3'/></cpu>`), /make them equal/],
    ['a repeated attribute', "<domain a='1' a='2'/>", /repeated/],
  ];
  for (const [what, xml, pattern] of cases) it(what, () => assert.match(reasonOf(xml), pattern));
  it('names that a file or a shell could take amiss', () => {
    const names = [
      '', '../etc', 'a/b', 'a b', '-rf', '.hidden', 'a;b', 'a&#47;b', '$(x)', 'é', 'a'.repeat(64), 'a\nb',
    ];
    for (const name of names) {
      assert.match(reasonOf(domain('', `<name>${name}</name><uuid>${UUID}</uuid>${SIZE}`)), /<name> is/, name);
    }
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
});

/** A small generator of its own: the same cases in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

describe('properties', () => {
  const stamp = { epoch: 1, effectId: 'e', consoleLog: '/c' };
  const whole = stampDomainXml(domain(RBD + CDROM + "<console type='pty'/>"), stamp);
  it('a damaged XML never throws and never takes long', () => {
    const random = numbers(20261122);
    const pick = (count: number): number => Math.floor(random.next().value * count);
    const scraps = [
      '<', '>', '/', '&', '"', "'", '<!--', ']]>', '<![CDATA[', '<!DOCTYPE', '\u0000', '<domain>', '</domain>', '=',
      '&#0;', '<?', '€',
    ];
    for (let round = 0; round < 3000; round += 1) {
      let text = whole;
      for (let cuts = 1 + pick(4); cuts > 0; cuts -= 1) {
        const from = pick(text.length);
        text = text.slice(0, from) + (scraps[pick(scraps.length)] ?? '') + text.slice(from + pick(12));
      }
      const parsed = parseDomainXml(text);
      assert.equal(typeof (parsed.ok ? parsed.summary.name : parsed.reason), 'string', text);
      readStamp(text);
    }
  });

  it('stamping keeps everything, and can be repeated', () => {
    for (const devices of ['', RBD, CDROM, "<serial type='pty'/>", `<x a='"&lt;&apos;'>t &amp; u<![CDATA[<&>]]></x>`]) {
      const original = domain(devices, `${HEAD}${SIZE}<metadata><o:k xmlns:o='urn:other'>v</o:k></metadata>`);
      const once = stampDomainXml(original, { epoch: 1, effectId: 'first', consoleLog: '/c/web1.log' });
      const twice = stampDomainXml(once, { epoch: 2, effectId: `vm/x:2:"0'<&>`, consoleLog: '/c/web1.log' });
      assert.deepEqual(summaryOf(twice), summaryOf(original));
      assert.deepEqual(readStamp(once), { epoch: 1, effectId: 'first' });
      assert.deepEqual(readStamp(twice), { epoch: 2, effectId: `vm/x:2:"0'<&>` });
      assert.equal(readStamp(original), null);
      assert.doesNotMatch(twice, /first| id=/);
      assert.match(twice, /urn:other/);
      assert.equal(twice.includes('<![CDATA[<&>]]>'), devices.includes('CDATA'));
    }
  });

  it('one serial port is logged, and only if none is', () => {
    const logs = (devices: string): number =>
      (stampDomainXml(domain(devices), { ...stamp, consoleLog: '/c/w&b.log' }).match(/<log /g) ?? []).length;
    assert.equal(logs(''), 0);
    assert.equal(logs("<console type='pty'/>"), 1);
    assert.equal(logs("<serial type='pty'/><serial type='pty'/><console type='pty'/>"), 1);
    assert.equal(logs("<serial type='pty'><log file='/mine'/></serial><console type='pty'/>"), 1);
    const stamped = stampDomainXml(domain("<console type='pty'/><serial type='pty'/>"), stamp);
    assert.match(stamped, /<serial type="pty"><log file="\/c" append="on"\/>/);
  });

  it('libvirt hands the stamp out without its prefix', () => {
    assert.deepEqual(readStamp('<actor epoch="3" effect="vm/x:3:1"/>'), { epoch: 3, effectId: 'vm/x:3:1' });
    for (const text of ['', '<actor/>', '<actor epoch="x" effect="y"/>', '<actor epoch="1"/>', 'rubbish', domain('')]) {
      assert.equal(readStamp(text), null, text);
    }
  });
});

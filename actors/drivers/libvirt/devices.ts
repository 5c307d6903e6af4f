/** Devices of a running domain, changed while it runs: each call first looks at what the domain has. */
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { Clock } from '../../../runtime/clock.js';
import {
  findDevice, ioLimitsOf, nameOfDevice, readDevice, sourceOf, type DeviceChange, type IoLimits,
} from '../../domain-devices.js';
import type { XmlElement } from '../../domain-tree.js';
import { rbdDisksOf } from '../../domain-rbd.js';
import { readDomain, xmlOf } from '../../domain-xml.js';
import { failed, withDomain } from './domains.js';
import { LibvirtFailure, type Lane } from './lane.js';
import type { Pointer } from '../foreign.js';
import { local, remote } from './library.js';

/** VIR_DOMAIN_AFFECT_LIVE; the domains are transient, there is no other configuration. */
const LIVE = 1;
/** VIR_DOMAIN_BLOCK_RESIZE_BYTES */
const RESIZE_BYTES = 1;
const POLL_MS = 250;
const NO_DOMAIN = 'there is no such domain on this node';

export interface DeviceArguments {
  readonly uuid: string;
  readonly change: DeviceChange;
  /** The device, connected to the cluster. */
  readonly xml: string;
  readonly deadlineMs: number;
}

const domainOf = async (lane: Lane, domain: Pointer): Promise<XmlElement> =>
  readDomain(await lane.call<string>(remote.xml, domain, 0));

/** libvirt has asked the guest; whether and when the guest lets go of it is the guest's matter. */
async function detach(
  lane: Lane, domain: Pointer, device: XmlElement, untilMs: number, clock: Clock,
): Promise<Outcome<null>> {
  const there = findDevice(await domainOf(lane, domain), device);
  if (there === null) return done(null);
  try {
    await lane.call<number>(remote.detachDevice, domain, xmlOf(there), LIVE);
  } catch (error) {
    // "Already in the process of unplug" is no refusal: what is there afterwards decides.
    if (!(error instanceof LibvirtFailure) || error.lost) throw error;
    if (findDevice(await domainOf(lane, domain), device) === null) return done(null);
    if (!/unplug|timed out|timeout/i.test(error.message)) return refused(error.message);
  }
  for (;;) {
    if (findDevice(await domainOf(lane, domain), device) === null) return done(null);
    if (clock.monotonicMs() >= untilMs) return unknown(`the guest has not let go of ${nameOfDevice(device)}`);
    await clock.sleep(POLL_MS);
  }
}

async function attach(lane: Lane, domain: Pointer, device: XmlElement): Promise<Outcome<null>> {
  const there = findDevice(await domainOf(lane, domain), device);
  if (there !== null) {
    return sourceOf(there) === sourceOf(device) ? done(null)
      : refused(`the guest has another device at ${nameOfDevice(device)}: ${sourceOf(there) ?? 'without a source'}`);
  }
  try {
    await lane.call<number>(remote.attachDevice, domain, xmlOf(device), LIVE);
    return done(null);
  } catch (error) {
    return failed(error);
  }
}

function typedLimits(limits: IoLimits): { params: Pointer; count: number } {
  const [params, count, max]: [(Pointer | null)[], number[], number[]] = [[null], [0], [0]];
  for (const [name, value] of Object.entries(limits)) local.addULongLong(params, count, max, name, value);
  return { params: params[0] as Pointer, count: count[0] as number };
}

async function limit(lane: Lane, domain: Pointer, device: XmlElement): Promise<Outcome<null>> {
  const dev = nameOfDevice(device);
  if (findDevice(await domainOf(lane, domain), device) === null) return refused(`the guest has no disk ${dev}`);
  const { params, count } = typedLimits(ioLimitsOf(device));
  try {
    await lane.call<number>(remote.setBlockIoTune, domain, dev, params, count, LIVE);
    return done(null);
  } catch (error) {
    return failed(error);
  } finally {
    local.freeParams(params, count);
  }
}

export async function changeDevice(lane: Lane, args: DeviceArguments, clock: Clock): Promise<Outcome<null>> {
  const untilMs = clock.monotonicMs() + args.deadlineMs;
  const device = readDevice(args.xml);
  const outcome = await withDomain(lane, args.uuid, (domain) => {
    switch (args.change) {
      case 'attach': return attach(lane, domain, device);
      case 'detach': return detach(lane, domain, device, untilMs, clock);
      case 'limit': return limit(lane, domain, device);
    }
  });
  return outcome ?? refused(NO_DOMAIN);
}

/** What QEMU takes the disk's size to be, bytes. */
async function capacityOf(lane: Lane, domain: Pointer, dev: string): Promise<number> {
  // virDomainBlockInfo: capacity, allocation, physical.
  const info = Buffer.alloc(24);
  await lane.call<number>(remote.blockInfo, domain, dev, info, 0);
  return Number(info.readBigUInt64LE(0));
}

/** Of every disk of the domain that is this volume. Never smaller: that would cut the image itself. */
export async function resizeDisk(
  lane: Lane, { uuid, volume, sizeBytes }: { uuid: string; volume: string; sizeBytes: number },
): Promise<Outcome<null>> {
  try {
    await withDomain(lane, uuid, async (domain) => {
      const root = await domainOf(lane, domain);
      for (const { dev } of rbdDisksOf(root).filter((disk) => disk.volume === volume)) {
        if (await capacityOf(lane, domain, dev) >= sizeBytes) continue;
        await lane.call<number>(remote.blockResize, domain, dev, sizeBytes, RESIZE_BYTES);
      }
    });
    return done(null);
  } catch (error) {
    return failed(error);
  }
}

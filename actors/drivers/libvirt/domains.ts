/** What is asked of one domain, and the calls that end quickly or simply wait: everything but a migration. */
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { DomainInfo } from '../hypervisor.js';
import type { Clock } from '../../../runtime/clock.js';
import { readStamp, STAMP_NAMESPACE } from '../../domain-xml.js';
import type { Pointer } from '../foreign.js';
import { local, remote, takePointers, uuidOf } from './library.js';
import { LibvirtFailure, type Lane } from './lane.js';
import { ERROR, stateOf } from './states.js';

const LIST_ACTIVE = 1;
const METADATA_ELEMENT = 2;
const SHUTDOWN_ACPI = 1;

/** `settled` is false while libvirt is still starting or ending it. */
export interface Sighting {
  readonly info: DomainInfo;
  readonly settled: boolean;
}

/** The failure of a libvirt call as an outcome: a definite answer is a refusal, a broken connection is not. */
export const failed = (error: unknown): Outcome<never> => {
  if (!(error instanceof LibvirtFailure)) throw error;
  return error.lost ? unknown(`the connection to libvirtd broke: ${error.message}`) : refused(error.message);
};

/** Looks the domain up on this lane, lends it to `work` and frees it; null if libvirtd does not know it. */
export async function withDomain<T>(
  lane: Lane, uuid: string, work: (domain: Pointer) => Promise<T>,
): Promise<T | null> {
  let domain: Pointer | null = null;
  try {
    domain = await lane.call<Pointer>(remote.lookup, lane.connection, uuid);
    return await work(domain);
  } catch (error) {
    if (error instanceof LibvirtFailure && error.code === ERROR.noDomain) return null;
    throw error;
  } finally {
    if (domain !== null) local.freeDomain(domain);
  }
}

async function stampOf(lane: Lane, domain: Pointer): Promise<{ epoch: number; effectId: string } | null> {
  try {
    return readStamp(await lane.call<string>(remote.metadata, domain, METADATA_ELEMENT, STAMP_NAMESPACE, 0));
  } catch (error) {
    // Most often: started by somebody else, so there is no such metadata.
    if (error instanceof LibvirtFailure && !error.lost && error.code !== ERROR.noDomain) return null;
    throw error;
  }
}

/** libvirt has figures of a migration on its source only; that it refuses them means an incoming copy. */
async function isIncoming(lane: Lane, domain: Pointer): Promise<boolean> {
  const [type, params, count]: [number[], (Pointer | null)[], number[]] = [[0], [null], [0]];
  try {
    await lane.call<number>(remote.jobStats, domain, type, params, count, 0);
    if (params[0]) local.freeParams(params[0], count[0]);
    return false;
  } catch (error) {
    if (!(error instanceof LibvirtFailure)) throw error;
    if (error.code === ERROR.unsupported || error.code === ERROR.operationInvalid) return true;
    throw error;
  }
}

async function sight(lane: Lane, domain: Pointer): Promise<Sighting> {
  const [state, reason] = [[0], [0]];
  await lane.call<number>(remote.state, domain, state, reason, 0);
  const word = stateOf(state[0] as number, reason[0] as number);
  const stamp = await stampOf(lane, domain);
  const incoming = word === 'ask' && await isIncoming(lane, domain);
  // Never `off` for what libvirtd still holds: a copy that is being started or ended is not absent.
  const info: DomainInfo = {
    uuid: uuidOf(domain), name: local.nameOf(domain) as string,
    state: word !== 'ask' ? word : incoming ? 'incoming' : 'paused',
    epoch: stamp?.epoch ?? null, effectId: stamp?.effectId ?? null,
  };
  return { info, settled: word !== 'ask' };
}

/** null = no such domain. Rejects with LibvirtFailure. */
export const find = (lane: Lane, uuid: string): Promise<Sighting | null> =>
  withDomain(lane, uuid, (domain) => sight(lane, domain));

/** Lends every active domain to `work` in turn; those that end meanwhile are left out. */
async function eachDomain<T>(lane: Lane, work: (domain: Pointer) => Promise<T> | T): Promise<readonly T[]> {
  const array: (Pointer | null)[] = [null];
  const count = await lane.call<number>(remote.list, lane.connection, array, LIST_ACTIVE);
  const domains = takePointers(array[0] as Pointer, count);
  const results: T[] = [];
  try {
    for (const domain of domains) {
      try {
        results.push(await work(domain));
      } catch (error) {
        if (!(error instanceof LibvirtFailure) || error.code !== ERROR.noDomain) throw error;
      }
    }
    return results;
  } finally {
    for (const domain of domains) local.freeDomain(domain);
  }
}

export const listDomains = (lane: Lane): Promise<readonly DomainInfo[]> =>
  eachDomain(lane, async (domain) => (await sight(lane, domain)).info);

export const presentDomains = (lane: Lane): Promise<readonly string[]> => eachDomain(lane, uuidOf);

const present = (sighting: Sighting): Outcome<DomainInfo> => {
  const { info, settled } = sighting;
  if (info.state === 'running') return done(info);
  return settled || info.state === 'incoming'
    ? refused(`a copy of ${info.name} is here already and is ${info.state}`)
    : unknown(`${info.name} is being started or ended by libvirt`);
};

/** `lane` is held for the start; `xml` is already stamped. */
export async function startDomain(lane: Lane, uuid: string, xml: string): Promise<Outcome<DomainInfo>> {
  const before = await find(lane, uuid);
  if (before !== null) return present(before);
  try {
    local.freeDomain(await lane.call<Pointer>(remote.create, lane.connection, xml, 0));
  } catch (error) {
    const outcome = failed(error);
    // Somebody else may have started it in between; only its absence makes the refusal final.
    const after = outcome.kind === 'refused' ? await find(lane, uuid) : null;
    return after === null ? outcome : present(after);
  }
  const after = await find(lane, uuid);
  return after === null ? refused('it ended at once after its start: see its log on this node') : present(after);
}

export async function shutdownDomain(lane: Lane, uuid: string): Promise<Outcome<null>> {
  const asked = await withDomain(lane, uuid, (domain) => lane.call<number>(remote.shutdown, domain, SHUTDOWN_ACPI));
  return asked === null ? refused('there is no such domain on this node') : done(null);
}

export async function resumeDomain(lane: Lane, uuid: string): Promise<Outcome<DomainInfo>> {
  const before = await find(lane, uuid);
  if (before === null) return refused('there is no such domain on this node');
  if (before.info.state === 'running') return done(before.info);
  if (before.info.state !== 'paused') return refused(`${before.info.name} is ${before.info.state}, not paused`);
  await withDomain(lane, uuid, (domain) => lane.call<number>(remote.resume, domain));
  const after = await find(lane, uuid);
  return after === null ? refused('it ended when it was resumed') : present(after);
}

/** libvirt sends SIGTERM, then SIGKILL, and returns once QEMU is gone; it gives up after some seconds, we do not. */
export async function destroyDomain(
  lane: Lane, uuid: string, deadlineMs: number, clock: Clock,
): Promise<Outcome<null>> {
  const until = clock.monotonicMs() + deadlineMs;
  for (;;) {
    try {
      const asked = await withDomain(lane, uuid, (domain) => lane.call<number>(remote.destroy, domain, 0));
      if (asked === null) return done(null);
    } catch (error) {
      const outcome = failed(error);
      if (outcome.kind === 'unknown' || clock.monotonicMs() > until) return unknown((error as Error).message);
    }
    if (clock.monotonicMs() > until) return unknown('QEMU did not end within the deadline');
    if (await find(lane, uuid) === null) return done(null);
    await clock.sleep(RETRY_MS);
  }
}
const RETRY_MS = 100;

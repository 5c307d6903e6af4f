/** Figures of all guests with one cheap call; nothing of it waits for a guest that is busy migrating. */
import type { DomainStats } from '../hypervisor.js';
import { parseDomainXml } from '../../domain-xml.js';
import type { Pointer } from '../foreign.js';
import { local, readStats, remote, uuidOf } from './library.js';
import { LibvirtFailure, type Lane } from './lane.js';
import { stateOf } from './states.js';

/** STATE | CPU_TOTAL | BALLOON | VCPU */
const WANTED = 1 | 2 | 4 | 8;
/** LIST_DOMAINS_ACTIVE | NOWAIT */
const FLAGS = 1 | (1 << 29);

type Vnc = DomainStats['vnc'];
/** VNC does not change in a run: uuid -> the run's libvirt id and what its XML said. */
export type VncCache = Map<string, { readonly run: number; readonly vnc: Vnc }>;

function figure(getter: (typeof local)['getInt'], params: Pointer, count: number, name: string): number | null {
  const value: (number | bigint)[] = [0];
  return getter(params, count, name, value) === 1 ? Number(value[0]) : null;
}

async function vncOf(lane: Lane, domain: Pointer, uuid: string, cache: VncCache): Promise<Vnc> {
  const run = local.idOf(domain) as number;
  const known = cache.get(uuid);
  if (known?.run === run) return known.vnc;
  try {
    const parsed = parseDomainXml(await lane.call<string>(remote.xml, domain, 0));
    const found = parsed.ok ? parsed.summary.vnc : null;
    const vnc = found?.port ? { listen: found.listen, port: found.port } : null;
    cache.set(uuid, { run, vnc });
    return vnc;
  } catch (error) {
    if (error instanceof LibvirtFailure && !error.lost) return null;
    throw error;
  }
}

export async function readAllStats(lane: Lane, cache: VncCache): Promise<readonly DomainStats[]> {
  const list: (Pointer | null)[] = [null];
  const total = await lane.call<number>(remote.allStats, lane.connection, WANTED, list, FLAGS);
  try {
    const stats: DomainStats[] = [];
    for (const { domain, params, count } of readStats(list[0] as Pointer, total)) {
      const uuid = uuidOf(domain);
      const number = (name: string): number => figure(local.getInt, params, count, name) ?? 0;
      const state = stateOf(number('state.state'), number('state.reason'));
      stats.push({
        uuid, name: local.nameOf(domain) as string,
        // Telemetry only: nobody decides by it, so the job is not asked.
        state: state === 'ask' ? 'paused' : state,
        memoryMaxKib: figure(local.getULongLong, params, count, 'balloon.maximum') ?? 0,
        memoryKib: figure(local.getULongLong, params, count, 'balloon.current') ?? 0,
        vcpus: figure(local.getUInt, params, count, 'vcpu.current') ?? 0,
        cpuTimeNs: figure(local.getULongLong, params, count, 'cpu.time') ?? 0,
        rssKib: figure(local.getULongLong, params, count, 'balloon.rss'),
        vnc: await vncOf(lane, domain, uuid, cache),
      });
    }
    const alive = new Set(stats.map((one) => one.uuid));
    for (const uuid of cache.keys()) if (!alive.has(uuid)) cache.delete(uuid);
    return stats;
  } finally {
    if (list[0]) local.freeStats(list[0]);
  }
}

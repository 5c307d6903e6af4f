/**
 * One look at Ceph as a whole, for the storage telemetry: what the monitors and the manager say, made into plain
 * figures. Pure apart from `readCeph`. What the manager alone knows (space and use of each OSD) is zero while it is
 * dead: who is up and in is the monitors' knowledge.
 */
import type {
  CephCheck, CephHealthStatus, CephOsdStats, CephPoolStats, CephTelemetry,
} from '../../../machines/ceph/telemetry.js';
import { done, refused, type Outcome } from '../outcome.js';
import type { CephConnection, CommandTarget } from './connection.js';

type Fields = Readonly<Record<string, unknown>>;

export const fieldsOf = (value: unknown): Fields =>
  (typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Fields : {});
export const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);
export const numberOf = (value: unknown): number =>
  (typeof value === 'number' && Number.isFinite(value) ? value : 0);
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []);

/** Lines of a check's detail that are kept, and characters of each. */
const DETAIL_LINES = 20;
const DETAIL_CHARACTERS = 200;

/** What the commands below answered; null = not known. */
export interface CephAnswers {
  /** `osd dump` */
  readonly dump: unknown;
  /** `health detail` */
  readonly health: unknown;
  /** `df detail` */
  readonly df: unknown;
  /** `osd metadata` */
  readonly metadata: unknown;
  /** `osd df` of the manager */
  readonly osdDf: unknown;
  /** `osd status` of the manager: a table in Ceph 16, JSON from 17 on. */
  readonly osdStatus: unknown;
  /** `pg dump_pools_json` of the manager */
  readonly pools: unknown;
}

interface Rates {
  readonly writeOpsRate: number; readonly writeBytesRate: number;
  readonly readOpsRate: number; readonly readBytesRate: number;
}
const STILL: Rates = { writeOpsRate: 0, writeBytesRate: 0, readOpsRate: 0, readBytesRate: 0 };

const UNITS: Readonly<Record<string, number>> = {
  '': 1, k: 2 ** 10, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40, P: 2 ** 50,
};
/** `16.0k` -> 16384; operations count in thousands. */
function humanNumber(text: string, base: 1000 | 1024): number {
  const found = /^([\d.]+)([kKMGTP]?)$/.exec(text);
  if (found === null) return 0;
  const unit = UNITS[found[2] ?? ''] ?? 1;
  return Number(found[1]) * (base === 1024 ? unit : 1000 ** Math.round(Math.log2(unit) / 10));
}

/** By number of the OSD. The table's columns: id, host, used, available, write ops and bytes, read ops and bytes. */
export function ratesOf(status: unknown): ReadonlyMap<number, Rates> {
  if (typeof status !== 'string') {
    return new Map(listOf(fieldsOf(status)['OSDs']).map((osd) => [numberOf(osd['id']), {
      writeOpsRate: numberOf(osd['write ops rate']), writeBytesRate: numberOf(osd['write byte rate']),
      readOpsRate: numberOf(osd['read ops rate']), readBytesRate: numberOf(osd['read byte rate']),
    }]));
  }
  const rows = status.split('\n').map((line) => line.replaceAll('|', ' ').trim().split(/\s+/));
  return new Map(rows.filter((row) => row.length >= 8 && /^\d+$/.test(row[0] ?? '')).map((row) => {
    // An OSD that never told its host has a cell less.
    const [writeOps = '', write = '', readOps = '', read = ''] = row.slice(-5, -1);
    return [Number(row[0]), {
      writeOpsRate: humanNumber(writeOps, 1000), writeBytesRate: humanNumber(write, 1024),
      readOpsRate: humanNumber(readOps, 1000), readBytesRate: humanNumber(read, 1024),
    }];
  }));
}

const KIB = 1024;

function osdStats(answers: CephAnswers): CephOsdStats[] {
  const byId = (list: readonly Fields[]): ReadonlyMap<number, Fields> =>
    new Map(list.map((each) => [numberOf(each['id']), each]));
  const usage = byId(listOf(fieldsOf(answers.osdDf)['nodes']));
  const metadata = byId(listOf(answers.metadata));
  const rates = ratesOf(answers.osdStatus);
  return listOf(fieldsOf(answers.dump)['osds']).map((osd) => {
    const number = numberOf(osd['osd']);
    const used = usage.get(number) ?? {};
    const told = metadata.get(number) ?? {};
    const bytes = (name: string): number => numberOf(used[name]) * KIB;
    return {
      number, uuid: textOf(osd['uuid']), up: osd['up'] === 1, in: osd['in'] === 1, state: textsOf(osd['state']),
      host: textOf(told['hostname']).split('.')[0] || null,
      devices: textOf(told['devices']).split(',').filter((name) => name !== ''),
      weight: numberOf(used['crush_weight']), reweight: numberOf(osd['weight']),
      primaryAffinity: numberOf(osd['primary_affinity']), deviceClass: textOf(used['device_class']) || null,
      pgs: numberOf(used['pgs']), sizeBytes: bytes('kb'), usedBytes: bytes('kb_used'),
      usedDataBytes: bytes('kb_used_data'), usedOmapBytes: bytes('kb_used_omap'), usedMetaBytes: bytes('kb_used_meta'),
      availableBytes: bytes('kb_avail'), utilization: numberOf(used['utilization']), variance: numberOf(used['var']),
      ...(rates.get(number) ?? STILL),
    };
  });
}

function poolStats(answers: CephAnswers): CephPoolStats[] {
  const space = new Map(listOf(fieldsOf(answers.df)['pools']).map((pool) => [pool['id'], fieldsOf(pool['stats'])]));
  const sums = new Map(listOf(fieldsOf(answers.pools)['pool_stats'])
    .map((pool) => [pool['poolid'], fieldsOf(pool['stat_sum'])]));
  return listOf(fieldsOf(answers.dump)['pools']).map((pool) => {
    const stats = space.get(pool['pool']) ?? {};
    const sum = sums.get(pool['pool']) ?? {};
    return {
      id: numberOf(pool['pool']), name: textOf(pool['pool_name']), pgs: numberOf(pool['pg_num']),
      size: numberOf(pool['size']), minSize: numberOf(pool['min_size']), crushRule: numberOf(pool['crush_rule']),
      storedBytes: numberOf(stats['stored']), freeBytes: numberOf(stats['max_avail']),
      usedBytes: numberOf(stats['bytes_used']), usedShare: numberOf(stats['percent_used']),
      objects: numberOf(sum['num_objects'] ?? stats['objects']), objectClones: numberOf(sum['num_object_clones']),
      objectCopies: numberOf(sum['num_object_copies']),
      objectsMissingOnPrimary: numberOf(sum['num_objects_missing_on_primary']),
      objectsUnfound: numberOf(sum['num_objects_unfound']), objectsDegraded: numberOf(sum['num_objects_degraded']),
      readOps: numberOf(sum['num_read'] ?? stats['rd']),
      readBytes: sum['num_read_kb'] === undefined ? numberOf(stats['rd_bytes']) : numberOf(sum['num_read_kb']) * KIB,
      writeOps: numberOf(sum['num_write'] ?? stats['wr']),
      writeBytes: sum['num_write_kb'] === undefined ? numberOf(stats['wr_bytes']) : numberOf(sum['num_write_kb']) * KIB,
    };
  });
}

const severityOf = (value: unknown): CephCheck['severity'] => (value === 'HEALTH_ERR' ? 'HEALTH_ERR' : 'HEALTH_WARN');

const statusOf = (value: unknown): CephHealthStatus => (value === 'HEALTH_OK' ? 'HEALTH_OK' : severityOf(value));

export function checksOf(health: unknown): CephCheck[] {
  return Object.entries(fieldsOf(fieldsOf(health)['checks'])).map(([code, value]) => {
    const check = fieldsOf(value);
    return {
      code, severity: severityOf(check['severity']), summary: textOf(fieldsOf(check['summary'])['message']),
      detail: listOf(check['detail']).slice(0, DETAIL_LINES)
        .map((line) => textOf(line['message']).slice(0, DETAIL_CHARACTERS)),
      muted: check['muted'] === true,
    };
  }).sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** `by` = the node that looked, `at` = when, wall-clock milliseconds. */
export function telemetryOf(answers: CephAnswers, by: string, at: number): CephTelemetry {
  const dump = fieldsOf(answers.dump);
  const space = fieldsOf(fieldsOf(answers.df)['stats']);
  return {
    at, by, fsid: textOf(dump['fsid']), osdmapEpoch: numberOf(dump['epoch']),
    flags: Array.isArray(dump['flags_set']) ? textsOf(dump['flags_set']) : textOf(dump['flags']).split(','),
    health: { status: statusOf(fieldsOf(answers.health)['status']), checks: checksOf(answers.health) },
    capacity: {
      sizeBytes: numberOf(space['total_bytes']), usedBytes: numberOf(space['total_used_raw_bytes']),
      availableBytes: numberOf(space['total_avail_bytes']),
    },
    osds: osdStats(answers), pools: poolStats(answers),
  };
}

/** Asks everything at once. Ends as the monitors' own answers do; what the manager owes may be missing. */
export async function readCeph(
  ceph: CephConnection, by: string, at: number, deadlineMs: number,
): Promise<Outcome<CephTelemetry>> {
  const ask = (prefix: string, target: CommandTarget, rest: Readonly<Record<string, string>> = {}) =>
    ceph.command({ command: { prefix, ...rest }, target, deadlineMs });
  const [dump, health, df, metadata, osdDf, osdStatus, pools] = await Promise.all([
    ask('osd dump', 'mon'), ask('health', 'mon', { detail: 'detail' }), ask('df', 'mon', { detail: 'detail' }),
    ask('osd metadata', 'mon'), ask('osd df', 'mgr'), ask('osd status', 'mgr'), ask('pg dump_pools_json', 'mgr'),
  ]);
  for (const needed of [dump, health, df]) {
    if (needed.kind !== 'done') return needed;
    if (typeof needed.value.output !== 'object') return refused('Ceph did not answer in JSON');
  }
  const outputOf = (outcome: typeof dump): unknown => (outcome.kind === 'done' ? outcome.value.output : null);
  return done(telemetryOf({
    dump: outputOf(dump), health: outputOf(health), df: outputOf(df), metadata: outputOf(metadata),
    osdDf: outputOf(osdDf), osdStatus: outputOf(osdStatus), pools: outputOf(pools),
  }, by, at));
}

/** Pools of a real Ceph, by commands to its monitors and its manager. */
import { POOL_TIERS, type PoolTier } from '../../../machines/pool/messages.js';
import type { Clock } from '../../../runtime/clock.js';
import { systemClock } from '../../../runtime/clock.js';
import { done, refused, type Outcome } from '../outcome.js';
import type { Bounds, PoolState } from '../volumes.js';
import type { CephCommand, CephConnection } from './connection.js';

interface PoolDetail {
  readonly pool_id: number;
  readonly pool_name: string;
  readonly size: number;
  readonly min_size: number;
  readonly pg_num: number;
  readonly pg_num_target?: number;
  readonly crush_rule: number;
  /** `hashpspool,full,full_quota` */
  readonly flags_names?: string;
  readonly quota_max_bytes?: number;
  readonly application_metadata?: Readonly<Record<string, unknown>>;
}

interface CrushRule {
  readonly rule_id: number;
  readonly rule_name: string;
  readonly steps: readonly { readonly op: string; readonly item_name?: string }[];
}

interface DiskFree {
  readonly pools: readonly {
    readonly id: number;
    readonly stats: { readonly stored: number; readonly max_avail: number };
  }[];
}

/** After mon_allow_pool_delete was set, monitors may not have heard of it yet. */
const HEARD_MS = 500;

export class CephPools {
  constructor(private readonly connection: CephConnection, private readonly clock: Clock = systemClock) {}

  async list(bounds: Bounds): Promise<Outcome<readonly PoolState[]>> {
    const [details, free, rules] = await Promise.all([
      this.ask<readonly PoolDetail[]>({ prefix: 'osd pool ls', detail: 'detail' }, bounds),
      this.ask<DiskFree>({ prefix: 'df', detail: 'detail' }, bounds),
      this.ask<readonly CrushRule[]>({ prefix: 'osd crush rule dump' }, bounds),
    ]);
    if (details.kind !== 'done') return details;
    if (free.kind !== 'done') return free;
    if (rules.kind !== 'done') return rules;
    return done(details.value.filter((pool) => 'rbd' in (pool.application_metadata ?? {})).map((pool) => ({
      name: pool.pool_name, id: pool.pool_id, pgs: pool.pg_num_target ?? pool.pg_num, copies: pool.size,
      minCopies: pool.min_size,
      tier: tierOf(rules.value.find((rule) => rule.rule_id === pool.crush_rule)),
      ...spaceOf(pool, free.value),
    })));
  }

  async ensureRule(tier: PoolTier, bounds: Bounds): Promise<Outcome<{ rule: string }>> {
    const rules = await this.ask<readonly CrushRule[]>({ prefix: 'osd crush rule dump' }, bounds);
    if (rules.kind !== 'done') return rules;
    const found = rules.value.find((rule) => tierOf(rule) === tier && rule.steps.some(({ op }) => op === 'take'));
    if (found !== undefined) return done({ rule: found.rule_name });
    if (tier === 'default') return refused('Ceph has no crush rule for replicated pools');
    const classes = await this.ask<readonly string[]>({ prefix: 'osd crush class ls' }, bounds);
    if (classes.kind !== 'done') return classes;
    if (!classes.value.includes(tier)) {
      return refused(`no OSD is of the class "${tier}": there are ${classes.value.join(', ') || 'none'}`);
    }
    const rule = `${tier}_tier`;
    const made = await this.ask(
      { prefix: 'osd crush rule create-replicated', name: rule, root: 'default', type: 'host', class: tier }, bounds);
    return made.kind === 'done' ? done({ rule }) : made;
  }

  async create(pool: string, pgs: number, rule: string, bounds: Bounds): Promise<Outcome<null>> {
    const names = await this.ask<readonly string[]>({ prefix: 'osd pool ls' }, bounds);
    if (names.kind !== 'done') return names;
    if (names.value.includes(pool)) {
      return bounds.again === true ? done(null) : refused(`Ceph has a pool "${pool}" already: choose another name`);
    }
    return this.run({
      prefix: 'osd pool create', pool, pg_num: pgs, pgp_num: pgs, pool_type: 'replicated', rule, autoscale_mode: 'off',
    }, bounds);
  }

  async replicate(pool: string, copies: number, minCopies: number, bounds: Bounds): Promise<Outcome<null>> {
    const sure = copies === 1 ? { yes_i_really_mean_it: true } : {};
    const size = await this.run({ prefix: 'osd pool set', pool, var: 'size', val: String(copies), ...sure }, bounds);
    if (size.kind !== 'done') return size;
    return this.run({ prefix: 'osd pool set', pool, var: 'min_size', val: String(minCopies) }, bounds);
  }

  enable(pool: string, bounds: Bounds): Promise<Outcome<null>> {
    return this.run({ prefix: 'osd pool application enable', pool, app: 'rbd' }, bounds);
  }

  async setPgs(pool: string, pgs: number, bounds: Bounds): Promise<Outcome<null>> {
    const groups = await this.run({ prefix: 'osd pool set', pool, var: 'pg_num', val: String(pgs) }, bounds);
    if (groups.kind !== 'done') return groups;
    return this.run({ prefix: 'osd pool set', pool, var: 'pgp_num', val: String(pgs) }, bounds);
  }

  allowDeletion(allowed: boolean, bounds: Bounds): Promise<Outcome<null>> {
    const option = { who: 'mon', name: 'mon_allow_pool_delete' };
    return this.run(allowed ? { prefix: 'config set', ...option, value: 'true' }
      : { prefix: 'config rm', ...option }, bounds);
  }

  async delete(pool: string, bounds: Bounds): Promise<Outcome<null>> {
    const until = this.clock.monotonicMs() + bounds.deadlineMs / 2;
    for (;;) {
      const outcome = await this.run({
        prefix: 'osd pool rm', pool, pool2: pool, yes_i_really_really_mean_it: true,
      }, bounds);
      if (outcome.kind !== 'refused') return outcome;
      if (outcome.reason.startsWith('ENOENT')) return done(null);
      if (!outcome.reason.startsWith('EPERM') || this.clock.monotonicMs() > until) return outcome;
      await this.clock.sleep(HEARD_MS);
    }
  }

  private async run(command: CephCommand['command'], bounds: Bounds): Promise<Outcome<null>> {
    const reply = await this.ask<unknown>(command, bounds);
    return reply.kind === 'done' ? done(null) : reply;
  }

  private async ask<T>(
    command: CephCommand['command'], { deadlineMs }: Bounds,
  ): Promise<Outcome<T>> {
    const reply = await this.connection.command({ command, deadlineMs });
    return reply.kind === 'done' ? done(reply.value.output as T) : reply;
  }
}

type Space = Pick<PoolState, 'freeBytes' | 'storedBytes' | 'full'>;

/**
 * Until its placement groups have reported, a pool reads as one that holds nothing and has no room. A quota counts what
 * is stored, copies not counted, and Ceph's max_avail knows nothing of it.
 */
export function spaceOf(
  pool: Pick<PoolDetail, 'pool_id' | 'flags_names' | 'quota_max_bytes'>, { pools }: DiskFree,
): Space {
  const flags = (pool.flags_names ?? '').split(',');
  const full = flags.includes('full_quota') ? { full: 'quota' } as const
    : flags.includes('full') ? { full: 'space' } as const : {};
  const stats = pools.find(({ id }) => id === pool.pool_id)?.stats;
  const isNew = stats === undefined || stats.max_avail === 0 && stats.stored === 0;
  if (isNew) return { freeBytes: null, storedBytes: 0, ...full };
  const { max_avail: room, stored } = stats;
  const quota = pool.quota_max_bytes ?? 0;
  return { freeBytes: quota > 0 ? Math.max(0, Math.min(room, quota - stored)) : room, storedBytes: stored, ...full };
}

/** `default~ssd` -> ssd; anything but PVC's tiers reads as the default. */
function tierOf(rule: CrushRule | undefined): PoolTier {
  const taken = rule?.steps.find(({ op }) => op === 'take')?.item_name?.split('~')[1];
  return POOL_TIERS.find((tier) => tier === taken) ?? 'default';
}

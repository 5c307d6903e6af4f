/** `/storage/ceph/pool`: pools for volumes. */
import { POOL_TIERS } from '../../machines/pool/messages.js';
import { PvcError } from '../../runtime/errors.js';
import type { ApiContext } from '../context.js';
import { invalid } from '../faults.js';
import type { Api } from '../http.js';
import { Message, NoArguments, routeAt, routeOf, type Static } from '../schemas/schema.js';
import {
  PoolAddArguments, PoolList, PoolListArguments, PoolPath, PoolRemoveArguments, PoolSetArguments,
} from '../schemas/volume.js';
import { mustHaveStorage, nameOfNew, runStorage, untilSeen } from '../volume-commands.js';
import { nameMatcher } from '../views/find.js';
import { hostsOfTier } from '../views/storage.js';
import { findPool, poolContext, poolObjects, presentPools, presentVolumes } from '../views/volumes.js';
import type { ApiReply, ApiRequest } from '../http.js';

export function storagePoolRoutes(api: Api, context: ApiContext): void {
  api.get('/storage/ceph/pool', routeOf('Pools', PoolListArguments, PoolList), (request) => {
    const { limit = '' } = request.query;
    const matches = nameMatcher(limit);
    const pools = presentPools(context.feed).filter(({ record }) => matches(poolContext(record).name))
      .sort((a, b) => (poolContext(a.record).name < poolContext(b.record).name ? -1 : 1));
    if (pools.length === 0 && limit !== '') throw new PvcError('PVC_POOL_NOT_FOUND', limit);
    return poolObjects(context.feed, pools);
  });

  api.post('/storage/ceph/pool', routeOf('Add a pool', PoolAddArguments, Message), (request, reply) => {
    const { pool } = request.query;
    if (pool === undefined) throw invalid("The argument 'pool' must be given");
    return addPool(context, request, reply, pool, request.query);
  });

  api.get('/storage/ceph/pool/:pool', routeAt('One pool, as a list of one', PoolPath, NoArguments, PoolList),
    (request) => poolObjects(context.feed, [findPool(context.feed, request.params.pool)]));

  api.post('/storage/ceph/pool/:pool', routeAt('Add a pool', PoolPath, PoolAddArguments, Message),
    (request, reply) => addPool(context, request, reply, request.params.pool, request.query));

  api.put('/storage/ceph/pool/:pool', routeAt('Change its placement groups', PoolPath, PoolSetArguments, Message),
    (request, reply) => {
      const { pool } = request.params;
      const pgs = powerOfTwo(request.query.pgs);
      return runStorage(context, request, reply, findPool(context.feed, pool).address, { type: 'pool.setPgs', pgs }, {
        accepted: `Setting the PGs of pool '${pool}' to ${pgs}.`, done: `Set PGs of pool '${pool}' to ${pgs}.`,
      });
    });

  api.delete('/storage/ceph/pool/:pool',
    routeAt('Remove a pool with all its volumes', PoolPath, PoolRemoveArguments, Message),
    async (request, reply) => {
      const { pool } = request.params;
      const { address } = findPool(context.feed, pool);
      const answer = await runStorage(context, request, reply, address, { type: 'pool.remove' }, {
        accepted: `Removing pool '${pool}'.`, done: `Removed RBD pool '${pool}' and all volumes.`,
      });
      if (reply.statusCode === 200) {
        await untilSeen(context, () => context.feed.actor(address)?.record.removed !== false
          && !presentVolumes(context.feed).some(({ volume }) => volume.pool === pool));
      }
      return answer;
    });

  api.post('/storage/ceph/pool/:pool/scan',
    routeAt('Compare its images with the volumes that are known', PoolPath, NoArguments, Message),
    (request, reply) => {
      const { pool } = request.params;
      return runStorage(context, request, reply, findPool(context.feed, pool).address, { type: 'pool.scan' }, {
        accepted: `Scanning pool '${pool}'.`, done: `Scanned pool '${pool}': every image is known.`,
      });
    });
}

async function addPool(
  context: ApiContext, request: ApiRequest, reply: ApiReply, named: string,
  query: Static<typeof PoolAddArguments>,
): Promise<{ message: string }> {
  mustHaveStorage(context);
  const pool = nameOfNew('pool', named);
  const { copies, minCopies } = replication(query.replcfg);
  const pgs = powerOfTwo(query.pgs);
  const tier = POOL_TIERS.find((each) => each === query.tier) ?? 'default';
  const address = await context.cluster.volumes.planPool(pool, request.id);
  if (address === null) throw new PvcError('PVC_NAME_TAKEN', `There is a pool '${pool}' already: choose another name`);
  const lacking = whatItLacks(hostsOfTier(context.feed, tier), copies, minCopies);
  const answer = await runStorage(context, request, reply, address, {
    type: 'pool.create', pgs, tier, copies, minCopies,
  }, {
    accepted: `Creating pool '${pool}'.${lacking}`, done: `Created new RBD pool '${pool}' with ${pgs} PGs.${lacking}`,
  });
  if (reply.statusCode === 200) {
    await untilSeen(context, () => presentPools(context.feed).some((actor) => actor.address === address));
  }
  return answer;
}

/** Ceph keeps each copy on a host of its own, and takes a pool for which there are too few (PG_DEGRADED). */
function whatItLacks(hosts: number | null, copies: number, minCopies: number): string {
  if (hosts === null || copies <= hosts) return '';
  const until = minCopies > hosts ? 'nothing can be written to it' : 'it stays degraded';
  return ` It keeps ${copies} copies, each on a node of its own, and ${hosts} have OSDs for it: ${until} until there `
    + 'are more.';
}

function powerOfTwo(pgs: number): number {
  if (Number.isInteger(Math.log2(pgs))) return pgs;
  throw invalid(`${pgs} is no number of placement groups: it must be a power of two, as 32, 64 or 128`);
}

/** PVC's `copies=3,mincopies=2`. */
function replication(text: string): { copies: number; minCopies: number } {
  const found = /^copies=(\d{1,2}),\s*mincopies=(\d{1,2})$/.exec(text.trim());
  const [copies, minCopies] = [Number(found?.[1]), Number(found?.[2])];
  if (found === null || copies < 1 || copies > 10 || minCopies < 1 || minCopies > copies) {
    throw invalid(`'${text.slice(0, 60)}' is no replication config: write copies=3,mincopies=2 (1 to 10 copies, and no `
      + 'more mincopies than copies)');
  }
  return { copies, minCopies };
}

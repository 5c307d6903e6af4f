/** Pools and volumes of one node, put together: effects, keeper, and what they need of the rest of the daemon. */
import type { PoolEffects } from '../machines/pool/effects.js';
import type { VolumeEffects } from '../machines/volume/effects.js';
import { volumeId } from '../machines/volume/ids.js';
import type { VolumeContext } from '../machines/volume/messages.js';
import type { VmContext } from '../machines/vm/messages.js';
import { addressOf, type Address } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import type { Claimant } from '../runtime/claims.js';
import type { Clock } from '../runtime/clock.js';
import type { WorldEffect } from '../runtime/effects.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';
import type { DriftDesk } from './ceph-watch.js';
import type { PvcConfig } from './config.js';
import { readDocument } from './documents.js';
import { done, refused } from './drivers/outcome.js';
import type { Volumes } from './drivers/volumes.js';
import { diskRemovalEffects } from './effects-disk-removal.js';
import { poolEffects, volumeEffects, type VolumeEffectDeps } from './effects-volumes.js';
import { asWorldEffects } from './handlers.js';
import { VolumeKeeper } from './volume-keeper.js';

export interface VolumeServiceDeps {
  readonly volumes: Volumes | null;
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: PvcConfig;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly commitEffectNames: ReadonlySet<string>;
  readonly self: Claimant;
  isPrimary(): boolean;
  /** To an actor of this node; known only once the cells are there. */
  tell(to: Address, event: ActorEvent): void;
  /** Who is told of what Ceph and the records do not agree about; null = nobody. Known only later, as `tell`. */
  drift?(): DriftDesk | null;
}

export interface VolumeService {
  /** Of VMs that go with their disks. */
  readonly removal: ReturnType<typeof diskRemovalEffects>;
  readonly effects: Record<string, WorldEffect>;
  start(): void;
  stop(): void;
}

export function createVolumeService(deps: VolumeServiceDeps): VolumeService {
  const { volumes } = deps;
  const keeper = volumes === null ? null : new VolumeKeeper({ ...deps, volumes, versions: deps.mirror.versions });
  const effectDeps: VolumeEffectDeps = {
    ...deps,
    scan: () => keeper === null ? Promise.resolve(refused('this cluster has no shared storage')) : keeper.look(),
    adopt: (pool, image, bounds) => (
      keeper === null ? Promise.resolve(done(null)) : keeper.adopt({ pool, image }, bounds)),
    vmsWith: (disk) => vmsWith(deps, disk),
    nameOf: (client) => nameOf(deps.config, client),
  };
  return {
    removal: diskRemovalEffects({
      ...effectDeps, vmName: (uuid) => vmName(deps, uuid), clonesOf: (disk) => clonesOf(deps, disk),
      actorOf: (disk) => actorOf(deps, disk),
    }),
    effects: {
      ...asWorldEffects<PoolEffects>(poolEffects(effectDeps)),
      ...asWorldEffects<VolumeEffects>(volumeEffects(effectDeps)),
    },
    start: () => keeper?.start(),
    stop: () => keeper?.stop(),
  };
}

/** UUIDs of VMs whose definition names this RBD disk. */
async function vmsWith({ mirror, store, paths }: VolumeServiceDeps, disk: string): Promise<string[]> {
  const vms = [...mirror.actors.values()].filter(({ record }) => record.kind === 'vm' && !record.removed);
  const found: string[] = [];
  for (const { record } of vms) {
    const { definition } = record.snapshot.context as unknown as VmContext;
    if (definition.diskless) continue;
    const xml = await readDocument(store, paths, definition.xmlHash);
    if (xml !== null && (xml.includes(`"${disk}"`) || xml.includes(`'${disk}'`))) found.push(record.id);
  }
  return found;
}

function vmName({ mirror }: VolumeServiceDeps, uuid: string): string {
  const actor = mirror.actors.get(addressOf('vm', uuid));
  return actor === undefined ? uuid : (actor.record.snapshot.context as unknown as VmContext).name;
}

function clonesOf({ mirror }: VolumeServiceDeps, disk: string): string[] {
  return [...mirror.actors.values()].filter(({ record }) => record.kind === 'volume' && !record.removed)
    .map(({ record }) => record.snapshot.context as unknown as VolumeContext)
    .filter(({ facts }) => facts?.parent?.startsWith(`${disk}@`) === true)
    .map(({ pool, name }) => `${pool}/${name}`);
}

function actorOf({ mirror }: VolumeServiceDeps, disk: string): Address | null {
  const [pool = '', name = ''] = disk.split('/');
  const address = addressOf('volume', volumeId(pool, name));
  return mirror.actors.get(address)?.record.removed === false ? address : null;
}

/** The node that a client of the storage is on, with its address; the address alone where it is none of ours. */
export function nameOf({ addresses }: PvcConfig, client: string): string {
  const host = client.replace(/^v[12]:/, '').replace(/:\d+\/\d+$/, '');
  const node = Object.entries(addresses).find(([, { upstream, cluster, storage }]) =>
    [upstream, cluster, storage].includes(host))?.[0];
  return node === undefined ? client : `${node} (${client})`;
}

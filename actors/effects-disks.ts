/** Snapshots of all disks of a VM, on the port to volumes. Each effect may be run twice. */
import type { VmEffects } from '../machines/effects.js';
import { done, refused, unknown, type Outcome } from './drivers/outcome.js';
import type { Bounds, ImageMoment, Volumes } from './drivers/volumes.js';
import type { HandlersOf } from './handlers.js';

type Names = 'disks.check' | 'disks.snapshot' | 'disks.drop' | 'disks.rollback';
interface Moment { readonly volumes: readonly string[]; readonly name: string }

const NO_STORAGE = 'this cluster has no shared storage: its disks cannot be snapshotted';

const momentsOf = ({ volumes, name }: Moment): readonly ImageMoment[] => volumes.map((volume) => {
  const [pool = '', image = ''] = volume.split('/');
  return { pool, image, snapshot: name };
});

/** All of them at once: the first that is unknown, else the first that was refused, else done. */
async function all(outcomes: readonly Promise<Outcome<null>>[]): Promise<Outcome<null>> {
  const ended = await Promise.all(outcomes);
  return ended.find((each) => each.kind === 'unknown') ?? ended.find((each) => each.kind === 'refused') ?? done(null);
}

async function isFree(port: Volumes, { pool, image, snapshot }: ImageMoment, bounds: Bounds): Promise<Outcome<null>> {
  const found = await port.look({ pool, image }, bounds);
  if (found.kind !== 'done') return found;
  if (found.value === null) return refused(`there is no volume ${pool}/${image}`);
  const isTaken = found.value.snapshots.some((each) => each.name === snapshot);
  return isTaken ? refused(`volume ${pool}/${image} has a snapshot "${snapshot}" already: choose another name`)
    : done(null);
}

/** One after the other; once one is done the rest is not given up any more. */
async function rollBack(volumes: Volumes, moments: readonly ImageMoment[], bounds: Bounds): Promise<Outcome<null>> {
  for (const [index, moment] of moments.entries()) {
    const outcome = await volumes.rollback(moment, bounds);
    if (outcome.kind === 'unknown' || (outcome.kind === 'refused' && index === 0 && !bounds.again)) return outcome;
    if (outcome.kind === 'refused') return unknown(outcome.reason);
  }
  return done(null);
}

/** volumes null: only VMs without RBD disks have snapshots, of their definition. */
export function diskEffects(volumes: Volumes | null): HandlersOf<Pick<VmEffects, Names>> {
  const on = (
    work: (port: Volumes, moments: readonly ImageMoment[], bounds: Bounds) => Promise<Outcome<null>>,
  ): HandlersOf<Pick<VmEffects, Names>>[Names] => async (params, { resumed }) => {
    if (params.volumes.length === 0) return done(null);
    if (volumes === null) return refused(NO_STORAGE);
    return work(volumes, momentsOf(params), { deadlineMs: params.deadlineMs, again: resumed });
  };
  return {
    'disks.check': on((port, moments, bounds) => all(moments.map((each) => isFree(port, each, bounds)))),
    'disks.snapshot': on((port, moments, bounds) => all(moments.map((each) => port.createSnapshot(each, bounds)))),
    'disks.drop': on((port, moments, bounds) => all(moments.map((each) => port.removeSnapshot(each, bounds)))),
    'disks.rollback': on(rollBack),
  };
}

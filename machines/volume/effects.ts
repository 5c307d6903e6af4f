/** World effects of volumes (`volume/<pool>~<name>`): all run on the primary, all may be run again. */
import type { Effect } from '../effects.js';
import type { ImageFormat, VolumeFacts } from './messages.js';

interface OfImage { readonly pool: string; readonly image: string }

export interface VolumeEffects {
  /** done = an image of this size is there. Refused: one was there before, the pool is too full (unless forced). */
  'volume.create': Effect<OfImage & { sizeBytes: number; force: boolean }, null>;
  /** What Ceph has under this name; null = nothing. */
  'volume.look': Effect<OfImage, { facts: VolumeFacts | null }>;
  'volume.resize': Effect<OfImage & { sizeBytes: number; force: boolean }, null>;
  /** Which VMs have it as a disk: they are told of the new size. */
  'volume.announce': Effect<OfImage & { sizeBytes: number }, { vms: readonly string[] }>;
  /** done = the image and its actor have the new name. Refused while it is in use. */
  'volume.rename': Effect<OfImage & { to: string }, null>;
  /**
   * done = gone. Refused while it is in use, has snapshots, or others were cloned from it. `own`: the command under way
   * made it, so that who has it open is waited for (unknown).
   */
  'volume.remove': Effect<OfImage & { own?: boolean }, null>;
  /** The moment of the source that is cloned: a snapshot of ours. Refused if the pool is too full (unless forced). */
  'volume.mark': Effect<OfImage & { snapshot: string; force: boolean }, null>;
  'volume.clone': Effect<OfImage & { from: string; snapshot: string }, null>;
  'volume.unmark': Effect<OfImage & { snapshot: string }, null>;
  /** done = it depends on no other image any more. */
  'volume.flatten': Effect<OfImage, null>;
  'volume.snapshot': Effect<OfImage & { snapshot: string }, null>;
  'volume.dropSnapshot': Effect<OfImage & { snapshot: string }, null>;
  'volume.renameSnapshot': Effect<OfImage & { snapshot: string; to: string }, null>;
  /** Refused while it is in use; tried again, who has it open is waited for (unknown): it may be an earlier try. */
  'volume.rollback': Effect<OfImage & { snapshot: string }, null>;
  /** Is the uploaded file what it is said to be? virtualBytes = the size of the disk in it. */
  'volume.inspect': Effect<OfImage & { format: ImageFormat }, { virtualBytes: number }>;
  /**
   * done = the image holds what the uploaded one (`source`, of the same pool) holds as a disk. Refused with the reason
   * of a program that ended too early, however it did. `fresh` false: the volume held something before.
   */
  'volume.convert': Effect<OfImage & { source: string; format: ImageFormat; fresh?: boolean }, null>;
  /** Removes an uploaded file, and nothing that is not one; who has it open is waited for (unknown). */
  'volume.discard': Effect<OfImage, null>;
}

export const VOLUME_EFFECT_NAMES = [
  'volume.create',
  'volume.look',
  'volume.resize',
  'volume.announce',
  'volume.rename',
  'volume.remove',
  'volume.mark',
  'volume.clone',
  'volume.unmark',
  'volume.flatten',
  'volume.snapshot',
  'volume.dropSnapshot',
  'volume.renameSnapshot',
  'volume.rollback',
  'volume.inspect',
  'volume.convert',
  'volume.discard',
] as const satisfies readonly (keyof VolumeEffects)[];

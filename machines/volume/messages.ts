/** What is said to a volume, and what it keeps. Sizes are bytes. */
import type { AnswersOf } from '../effects.js';
import type { VolumeEffects } from './effects.js';

/** Formats that an upload may have (PVC's). */
export const IMAGE_FORMATS = ['raw', 'vmdk', 'qcow2', 'qed', 'vdi', 'vpc'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

export interface VolumeSnapshot {
  readonly id: number;
  readonly name: string;
  readonly sizeBytes: number;
  readonly createdAt: string | null;
}

/** What Ceph says of an image. */
export interface VolumeFacts {
  readonly id: string;
  readonly sizeBytes: number;
  readonly objects: number;
  readonly order: number;
  readonly objectBytes: number;
  readonly blockNamePrefix: string;
  readonly features: readonly string[];
  readonly flags: readonly string[];
  readonly createdAt: string | null;
  readonly accessedAt: string | null;
  readonly modifiedAt: string | null;
  /** `pool/image@snapshot` that it is a copy-on-write clone of, or null. */
  readonly parent: string | null;
  readonly snapshots: readonly VolumeSnapshot[];
}

/** What is true of a volume whose content was being replaced when that ended, and the cure. */
export const HALF_WRITTEN = 'what it held before may be overwritten in part: upload it again, or roll it back to a '
  + 'snapshot';

/** facts null = its image is still to be made; else it was found. */
export interface VolumeInput {
  readonly pool: string;
  readonly name: string;
  readonly facts: VolumeFacts | null;
}

export type VolumeCommand =
  | { readonly type: 'volume.create'; readonly sizeBytes: number; readonly force: boolean }
  /** Told to the new volume: become a clone of `from`. `mark` names the moment: a snapshot of ours. */
  | {
      readonly type: 'volume.clone';
      readonly from: string;
      readonly mark: string;
      readonly flatten: boolean;
      readonly force: boolean;
    }
  /** Take what was uploaded as the image `source`. */
  | { readonly type: 'volume.fill'; readonly source: string; readonly format: ImageFormat; readonly force: boolean }
  | { readonly type: 'volume.resize'; readonly sizeBytes: number; readonly force: boolean }
  | { readonly type: 'volume.rename'; readonly to: string }
  | { readonly type: 'volume.flatten' }
  | { readonly type: 'volume.remove' }
  | { readonly type: 'volume.snapshot'; readonly snapshot: string }
  | { readonly type: 'volume.dropSnapshot'; readonly snapshot: string }
  | { readonly type: 'volume.renameSnapshot'; readonly snapshot: string; readonly to: string }
  | { readonly type: 'volume.rollback'; readonly snapshot: string }
  /** Ends the flattening or the upload that is under way. */
  | { readonly type: 'volume.cancel' };

export const VOLUME_COMMAND_TYPES = [
  'volume.create', 'volume.clone', 'volume.fill', 'volume.resize', 'volume.rename', 'volume.flatten', 'volume.remove',
  'volume.snapshot', 'volume.dropSnapshot', 'volume.renameSnapshot', 'volume.rollback', 'volume.cancel',
] as const satisfies readonly VolumeCommand['type'][];

interface Stamped { readonly at: number }

export type VolumeFact =
  /** From the keeper: what Ceph has now, or that it has nothing. */
  | { readonly type: 'volume.observed'; readonly facts: VolumeFacts }
  | { readonly type: 'volume.vanished' }
  /** From an effect that takes long: 0..1. */
  | { readonly type: 'volume.progressed'; readonly fraction: number };

export type VolumeEvent =
  | (VolumeCommand & Stamped & { readonly operationId: string })
  | (VolumeFact & Stamped)
  | AnswersOf<VolumeEffects>;

export interface VolumeContext extends VolumeInput {
  readonly operation: { readonly operationId: string; readonly command: string } | null;
  /** The command under way, as it was given. */
  readonly job: VolumeCommand | null;
  /** Why the command under way did not do what it was to do. */
  readonly failure: string | null;
  /** The image did not exist before the command under way: if that fails, it goes again. */
  readonly fresh: boolean;
  /** Of what is under way, as tasks tell it: in thousandths; null = nobody knows. */
  readonly progress: { readonly current: number; readonly total: number; readonly status: string } | null;
}

/** What an OSD's actor asks of the world: all on the OSD's own node. Each is repeatable: run twice, it is done once. */

/** How an effect that ended `unknown` is tried again before the machine is told (runtime/record.ts). */
interface Retry { readonly attempts: number; readonly delayMs: number; readonly maxDelayMs: number }

interface Effect<Params, Result> {
  readonly params: Params & { readonly deadlineMs: number; readonly retry?: Retry };
  readonly result: Result;
}

/** Where an OSD is to live. */
export interface OsdPlace {
  /** A path, or `detect:NAME:SIZE:N` (the Nth disk of that name and about that size, from 0). */
  readonly device: string;
  /** How many OSDs share the device, each with an equal part; 1 = it has it alone. */
  readonly parts: number;
  /** Every OSD that is being made on the device together with this one, itself included. */
  readonly siblings: readonly string[];
  /** Bytes of a part of the node's DB device; null = its database lies with its data. */
  readonly dbBytes: number | null;
  /** The same as a share of the OSD's size, 0..1. */
  readonly dbShare: number | null;
}

export interface OsdEffects {
  /** May the device be taken? Refused with what stands against it. done = the disk behind the text, nothing changed. */
  'osd.check': Effect<{ uuid: string; place: OsdPlace }, { device: string; sizeBytes: number }>;
  /** Makes the OSD's partitions where they are missing. */
  'osd.prepare': Effect<
    { uuid: string; place: OsdPlace; device: string }, { dbDevice: string | null; sizeBytes: number }
  >;
  /** Its number, from the monitors; `number` = the one of a destroyed OSD that is to be taken again. */
  'osd.register': Effect<{ uuid: string; number: number | null }, { number: number }>;
  /** Its key, its data directory, its empty store. */
  'osd.make': Effect<{ uuid: string; number: number }, null>;
  'osd.weigh': Effect<{ number: number; node: string; weight: number }, null>;
  /** Its daemon runs, and will after a reboot. */
  'osd.start': Effect<{ uuid: string; number: number }, null>;
  'osd.look': Effect<{ uuid: string; number: number }, { known: boolean; up: boolean; in: boolean }>;
  'osd.mark': Effect<{ number: number; in: boolean }, null>;
  /** May it be taken away for good? pgs = placement groups that still need it. */
  'osd.drain': Effect<{ number: number }, { safe: boolean; pgs: number; text: string }>;
  /**
   * May its daemon stop without a placement group becoming unavailable? `siblings` (uuids): and theirs at the same
   * time, for they are to leave the device together.
   */
  'osd.judge': Effect<{ number: number; siblings?: readonly string[] }, { safe: boolean; text: string }>;
  /** Its daemon does not run, nor will after a reboot, and the monitors know. */
  'osd.stop': Effect<{ number: number }, null>;
  /** Takes it off the cluster: number, key, place. done if no OSD of this uuid is there; never another one's number. */
  'osd.purge': Effect<{ uuid: string; number: number | null }, null>;
  /** Its number and place stay, its data are given up: another device may take them. */
  'osd.destroy': Effect<{ uuid: string; number: number }, null>;
  /** Its partitions, labels and data directory go, as far as they are ours. */
  'osd.clear': Effect<{ uuid: string; number: number | null }, { left: string | null }>;
  /** Makes the device one from which OSDs of this node get parts for their databases. */
  'osd.db': Effect<{ device: string }, { device: string; sizeBytes: number }>;
  /** Of another OSD, whose node is gone: off the cluster, and its actor with it. Asked of any node. */
  'osd.bury': Effect<{ uuid: string; number: number }, null>;
  /** Finds its store on the device and makes its data directory anew. */
  'osd.import': Effect<{ uuid: string; number: number; device: string }, { device: string; dbDevice: string | null }>;
}

export const OSD_EFFECT_NAMES = [
  'osd.check', 'osd.prepare', 'osd.register', 'osd.make', 'osd.weigh', 'osd.start', 'osd.look', 'osd.mark',
  'osd.drain', 'osd.judge', 'osd.stop', 'osd.purge', 'osd.destroy', 'osd.clear', 'osd.import',
  'osd.db', 'osd.bury',
] as const satisfies readonly (keyof OsdEffects)[];

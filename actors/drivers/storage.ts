/**
 * Storage: the port to shared storage that can fence (Ceph with RBD; librados or its CLI behind it). It is there only
 * where the cluster has such storage: without it nothing is fenced by storage, and no proof P3 is ever made.
 *
 * A *client* is one instance that has images open (a QEMU with librbd): `address:port/nonce`. Which clients are a
 * boot's is the adapter's business: all that the boot has opened, and all that it may still open (a QEMU that is just
 * being started). Clients of another boot of the same node may be refused with them until `lift`, never afterwards: a
 * new boot gets new instances.
 *
 * What an adapter may not leak: handles, error numbers, threads. Every call is idempotent, has a deadline, never
 * throws, and ends in done, `refused` (known to have changed nothing) or `unknown`. Facts of Ceph that this rests on:
 * an entry counts at an OSD from the osdmap epoch on that it knows; it runs out (Ceph's default: one hour), and the
 * same old instance may then write again; a lock is cooperative, and says nothing against two writers that both live.
 */
import type { BootRef } from '../../machines/vm/messages.js';
import type { Outcome } from './outcome.js';

export interface StorageClient {
  /** `10.77.3.2:0/2958317`: as the storage names it. */
  readonly address: string;
}

export interface Fenced {
  /** In force: no OSD that could acknowledge a write takes one of the boot's clients any more. */
  readonly fenced: boolean;
  /** The osdmap epoch from which on; the present one if it is not fenced. */
  readonly osdmapEpoch: number;
}

export interface Storage {
  /** True while the storage answers this node: where it does not, guests with disks in it are not placed. */
  readonly connected: boolean;
  /**
   * Nothing of the storage is reached from this node, not even the port of a monitor: the way to it is out. False where
   * it answers, and where it merely does not answer well (no quorum, a wrong key).
   */
  readonly outOfReach: boolean;
  /**
   * Puts the boot's clients on the blocklist, for at least a day; sees to it that one that is there stays so long (its
   * epoch stays).
   * done = in force: the monitors have committed it and marked the OSDs of the fenced node down with it (their peers
   * drop what they still bring: they must come back with a newer map), and every OSD that is up has confirmed that
   * map. Past the deadline: unknown; what was committed stays and spreads by itself.
   */
  fence(boot: BootRef, deadlineMs: number): Promise<Outcome<{ readonly osdmapEpoch: number }>>;
  /** Reads an unknown `fence` back. Entries that have run out do not count. */
  read(boot: BootRef, deadlineMs: number): Promise<Outcome<Fenced>>;
  /** Takes the boot's entries off. Only for a boot that is proved over by its node's return (P0): rule 9. */
  lift(boot: BootRef, deadlineMs: number): Promise<Outcome<null>>;
  /** Resolves done once clients that this node opens from now on begin with a map of this epoch or a later one. */
  reach(osdmapEpoch: number, deadlineMs: number): Promise<Outcome<null>>;
  /**
   * Writes of processes on these nodes that have ended, and did not close their images in order: what is still under
   * way (the kernel sends it for minutes after) reaches no image of these (`pool/name`) any more. Whoever held an
   * image's lock there is put on the blocklist, for himself alone; an owner that lives elsewhere is left alone, an
   * image that is gone is none. An image without a lock (exclusive-lock off) is not protected.
   * done = in force at every OSD that is up, from that epoch on. Past the deadline: unknown.
   */
  shutOut(
    nodes: readonly string[], images: readonly string[], deadlineMs: number,
  ): Promise<Outcome<{ readonly osdmapEpoch: number }>>;
  /** Who has the image (`pool/name`) open. A dead client's watch stays for up to 30 s unless it is on the blocklist. */
  watchers(image: string, deadlineMs: number): Promise<Outcome<readonly StorageClient[]>>;
  /** Who holds the image's exclusive lock; null = nobody. */
  lockOwner(image: string, deadlineMs: number): Promise<Outcome<StorageClient | null>>;
  /**
   * Takes the lock from `owner`; done if nobody or somebody else holds it. Refused unless the owner is on the
   * blocklist: a lock that is merely removed is taken again by an owner that lives.
   */
  breakLock(image: string, owner: StorageClient, deadlineMs: number): Promise<Outcome<null>>;
}

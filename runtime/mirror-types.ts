/** What a mirror holds of the cluster, and what it tells its listeners. */
import type { Address } from './address.js';
import type { ActorRecord, Owner } from './record.js';

export interface PrimaryEntry {
  readonly node: string;
  readonly incarnation: string;
  readonly bootId: string;
  readonly epoch: number;
}

export interface LiveEntry {
  readonly node: string;
  /** `<boot id>.<session id>` */
  readonly incarnation: string;
  readonly bootId: string;
  /** Versions of records its daemon reads, ascending. */
  readonly recordVersions: readonly number[];
  /** The zxid at which it began. */
  readonly born: number;
}

/** One revision of a record, as a commit wrote it. */
export interface Committed {
  readonly record: ActorRecord;
  /** The commit's: the znode's mzxid. */
  readonly zxid: number;
  /** The znode's version. */
  readonly recordVersion: number;
  /** Format version it is stored in. */
  readonly storedAs: number;
}

export interface MirrorActor {
  readonly address: Address;
  record: ActorRecord;
  zxid: number;
  recordVersion: number;
  storedAs: number;
  /** czxid of its record: another one means that the address was used again. */
  readonly born: number;
  owner: Owner | null;
  /** The owner znode's version. */
  ownerVersion: number;
}

export interface MirrorListeners {
  /** A record was read; `before` is null for one never seen. */
  onRecord?(actor: MirrorActor, before: ActorRecord | null): void;
  onOwner?(address: Address, owner: Owner | null): void;
  onEnvelope?(address: Address, name: string): void;
  onRemoved?(actor: MirrorActor): void;
  /** A record that this daemon cannot read (`faults.unreadable`). */
  onUnreadable?(address: Address): void;
  onLive?(node: string): void;
  onTelemetry?(node: string): void;
  onPrimary?(): void;
  onSettings?(): void;
  /** The primary told of shared storage. */
  onStorage?(): void;
  /** All that was rung before has been read; `limit` = zxids up to it are complete. */
  onSettled?(limit: number): void;
  onRescan?(): void;
}

/** What a cell is given by its host: one object for all cells of a kind. */
import type { Address } from './address.js';
import type { Behavior } from './behavior.js';
import type { Cell } from './cell.js';
import type { Clock } from './clock.js';
import type { LeaseGate, WorldEffect } from './effects.js';
import type { Log } from './log.js';
import type { MailboxDepths } from './mailbox-depths.js';
import type { RuntimeMetrics } from './metrics.js';
import type { Committed } from './mirror-types.js';
import type { Paths } from './paths.js';
import type { Owner } from './record.js';
import type { Store, StoreOp } from './store.js';
import type { WriterVersion } from './versions.js';

/** Turns a commit effect of a machine into operations of the same transaction. */
export type CommitEffect = (params: Readonly<Record<string, unknown>>, address: Address) => readonly StoreOp[];

export interface CellDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: LeaseGate;
  readonly behavior: Behavior;
  readonly commitEffects: Readonly<Record<string, CommitEffect>>;
  readonly worldEffects: Readonly<Record<string, WorldEffect>>;
  readonly versions: WriterVersion;
  readonly depths: MailboxDepths;
  /** Names this process; begins every commit id. */
  readonly processId: string;
  /** Of all kinds: a supervisor makes its children's records. */
  readonly behaviors: ReadonlyMap<string, Behavior>;
  /** Names of commit effects, `owner.transfer` included. */
  readonly commitEffectNames: ReadonlySet<string>;
  /** This process as an owner. */
  readonly self: { readonly node: string; readonly incarnation: string; readonly bootId: string };
  /** The next owner of an actor handed to a node or to the primary; null = stay. */
  resolveOwner(to: string, epoch: number): Owner | null;
  newCommitId(): string;
  /** Where it counts what it does; nowhere if left out. */
  readonly metrics?: RuntimeMetrics | undefined;
  /** The mirror, which takes a commit's news from its cell instead of reading them. */
  readonly news: {
    expect(address: Address): void;
    learn(address: Address, news: Committed | null): void;
  };
  /** Letters for these actors became dead letters. */
  onParked?(addresses: readonly Address[]): void;
  /** The cell has ended: handed over, deposed, or removed. */
  onEnd(cell: Cell, reason: string): void;
  /** The loop broke: the host decides whether to begin it anew. */
  onCrash(cell: Cell, error: unknown): void;
}

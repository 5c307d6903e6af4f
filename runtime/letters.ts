/**
 * The letters of one cell: what it has read of its mailbox and not yet consumed. It knows whether it may have
 * missed a doorbell, and then gives nothing out: letters are stepped in the order of their creation or not at all.
 * Used by the cell only; it reads the store and writes nothing there.
 */
import type { Address } from './address.js';
import { decodeEnvelope } from './codec.js';
import type { Envelope } from './envelope.js';
import type { Paths } from './paths.js';
import type { StepInput } from './step.js';
import type { Store } from './store.js';

export interface Letter {
  /** Name of its znode in the mailbox. */
  readonly name: string;
  /** The znode's czxid. */
  readonly order: number;
  readonly envelope: Envelope;
}

export class Letters {
  private readonly read = new Map<string, Letter>();
  /** True while doorbells may have been missed: letters wait for a whole scan, or their order would break. */
  private unsure = true;
  private scans = 0;
  private closed = false;

  constructor(
    private readonly address: Address, private readonly deps: { readonly store: Store; readonly paths: Paths },
  ) {}

  has(name: string): boolean {
    return this.read.has(name);
  }

  /** True if `next` has something to give. */
  get waiting(): boolean {
    return !this.unsure && this.read.size > 0;
  }

  /** Reads one letter; one that is gone was consumed already. */
  async take(name: string): Promise<void> {
    const node = await this.deps.store.read(this.deps.paths.envelope(this.address, name));
    if (node === null || this.closed) return;
    this.read.set(name, { name, order: node.stat.czxid, envelope: decodeEnvelope(node.data) });
  }

  /** Lists the mailbox and reads what is new. True = all is read, and no connection was lost meanwhile. */
  async scan(): Promise<boolean> {
    const scan = (this.scans += 1);
    const listed = await this.deps.store.children(this.deps.paths.mailbox(this.address));
    if (listed === null || this.closed) return false;
    await Promise.all(listed.names.filter((name) => !this.has(name)).map((name) => this.take(name)));
    if (scan !== this.scans) return false;
    this.unsure = false;
    return true;
  }

  /** The connection is lost: nothing is given out before the next whole scan. */
  hold(): void {
    this.unsure = true;
    this.scans += 1;
  }

  /** The oldest letters, at most `most`; they stay until they are dropped. Those of one commit go by name. */
  next(most: number): readonly Letter[] {
    if (this.unsure) return [];
    return [...this.read.values()]
      .sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))
      .slice(0, Math.max(0, most));
  }

  /** These were consumed by a commit. */
  drop(names: readonly string[]): void {
    for (const name of names) this.read.delete(name);
  }

  /** The mailbox is not what was read: all of it is read again. */
  forget(): void {
    this.hold();
    this.read.clear();
  }

  /** The cell has ended: what is still being read is thrown away. */
  close(): void {
    this.closed = true;
  }
}

/** What the step sees of a letter. */
export function inputOf(envelope: Envelope): StepInput {
  return {
    event: envelope.event, source: 'mailbox', id: envelope.id, operationId: envelope.operationId ?? null,
    correlation: envelope.correlation, causation: envelope.causation, settles: null,
  };
}

/**
 * Tasks that this server has just answered 202 for. Until its actor takes a command up its operation is in no record:
 * who asks for it meanwhile is told PENDING, as by PVC, whose client knows no 404 there.
 */
import type { Address } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';

/** Who asks after so long is told by the records alone, milliseconds. */
const KEPT_MS = 15 * 60_000;
const KEPT_MAX = 500;

interface Begun { readonly actor: Address; readonly command: string; readonly atMs: number }

export class BegunTasks {
  private readonly kept = new Map<string, Begun>();

  constructor(private readonly clock: Pick<Clock, 'monotonicMs'>) {}

  note(id: string, actor: Address, command: string): void {
    this.kept.set(id, { actor, command, atMs: this.clock.monotonicMs() });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_MAX) break;
      this.kept.delete(oldest);
    }
  }

  /** It is in a record: from now on that tells. */
  seen(id: string): void {
    this.kept.delete(id);
  }

  /** null = not begun here, or long ago. */
  get(id: string): Omit<Begun, 'atMs'> | null {
    const found = this.kept.get(id);
    if (found === undefined || this.clock.monotonicMs() - found.atMs > KEPT_MS) return null;
    return { actor: found.actor, command: found.command };
  }
}

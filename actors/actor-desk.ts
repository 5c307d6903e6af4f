/** What people may ask of and do to any actor: the runtime's commands, on this node's store. */
import type { Address } from '../runtime/address.js';
import { discardDeadLetter, listDeadLetters, requeueDeadLetter } from '../runtime/dead-letters.js';
import { readMailbox } from '../runtime/mailbox-reading.js';
import type { Paths } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';

export class ActorDesk {
  constructor(private readonly deps: { readonly store: Store; readonly paths: Paths }) {}

  letters(actor: Address, most: number): ReturnType<typeof readMailbox> {
    return readMailbox(this.deps.store, this.deps.paths, actor, most);
  }

  deadLetters(actor?: Address): ReturnType<typeof listDeadLetters> {
    return listDeadLetters(this.deps.store, this.deps.paths, actor);
  }

  requeue(name: string): ReturnType<typeof requeueDeadLetter> {
    return requeueDeadLetter(this.deps.store, this.deps.paths, name);
  }

  discard(name: string): ReturnType<typeof discardDeadLetter> {
    return discardDeadLetter(this.deps.store, this.deps.paths, name);
  }
}

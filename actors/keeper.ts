/**
 * The keeper of the placement rules: on the primary, sends each VM that runs where its rules do not want it (or want it
 * less than a node that can take it) to a better place. Level-triggered: it plans from the mirror as it is and repeats
 * until the machines have heard; a VM that is under way is left alone until it rests.
 */
import { addressOf } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';
import { encodeEnvelope } from '../runtime/codec.js';
import type { Envelope } from '../runtime/envelope.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import { envelopeName, type Paths } from '../runtime/paths.js';
import type { Primacy } from '../runtime/primacy.js';
import type { Store } from '../runtime/store.js';
import type { ClusterView } from './cluster-view.js';
import { isMaintained } from './maintenance.js';

export interface KeeperDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  readonly primacy: Primacy;
  readonly view: ClusterView;
}

/** A pause after each change, so that what belongs together is planned together, milliseconds. */
const SETTLE_MS = 300;
/** Looked at anew although nothing was heard: a move that failed is tried again. */
const AGAIN_MS = 30_000;

export class Keeper {
  private stopped = false;
  private due = false;

  constructor(private readonly deps: KeeperDeps) {
    const soon = (): void => this.soon();
    deps.mirror.listen({ onRecord: soon, onRemoved: soon, onPrimary: soon, onSettings: soon, onRescan: soon });
  }

  start(): void {
    const again = (): void => {
      if (this.stopped) return;
      this.soon();
      this.deps.clock.after(AGAIN_MS, again, true);
    };
    again();
  }

  stop(): void {
    this.stopped = true;
  }

  private soon(): void {
    if (this.due || this.stopped || !this.deps.primacy.isPrimary()) return;
    this.due = true;
    this.deps.clock.after(SETTLE_MS, () => {
      this.due = false;
      if (!this.stopped && this.deps.primacy.isPrimary()) {
        this.look().catch((error: unknown) => this.deps.log.debug('the rules are kept later', { error }));
      }
    }, true);
  }

  private async look(): Promise<void> {
    const { mirror, view, log } = this.deps;
    if (isMaintained(mirror)) return;
    for (const { uuid, target, seq } of view.misplaced()) {
      if (this.stopped || target === null) return;
      if (await this.tell(uuid, seq, { type: 'vm.return', target, replyTo: null })) {
        log.info('its rules want a VM elsewhere', { vm: uuid, to: target.node });
      }
    }
  }

  /** One letter for each state a VM rests in: a second one of the same name is the same. False = it was sent before. */
  private async tell(uuid: string, seq: number, event: Envelope['event']): Promise<boolean> {
    const { store, paths, clock } = this.deps;
    const to = addressOf('vm', uuid);
    const envelope: Envelope = {
      id: `keeper~${uuid}~${seq}`, from: 'api', to, event, correlation: `rules-${uuid}-${seq}`, causation: null,
      senderEpoch: 0, sentAt: clock.wallMs(),
    };
    const path = paths.envelope(to, envelopeName(envelope));
    const result = await store.multi([{ op: 'create', path, data: encodeEnvelope(envelope) }]);
    return result.kind === 'done';
  }
}

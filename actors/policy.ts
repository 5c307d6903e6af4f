/**
 * Policy: the settings of the whole cluster and its placement rules, read from the mirror and changed by compare and
 * set; and what they mean for a command.
 */
import {
  goingDownBy, settingsOf, type ClusterSettings, type NODE_LOSS_POLICIES, type OVERCOMMIT_POLICIES,
  type ShutdownPolicy, type STORAGE_LOSS_POLICIES,
} from '../machines/cluster-settings.js';
import type { NodeCommand } from '../machines/node/messages.js';
import type { BalanceBasis } from '../machines/rebalance.js';
import { flawOf, type PlacementRule } from '../machines/rules.js';
import type { Address } from '../runtime/address.js';
import { decode, encode } from '../runtime/codec.js';
import type { ActorEvent } from '../runtime/envelope.js';
import { PvcError } from '../runtime/errors.js';
import type { Paths } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';
import { lossWarnings, startVerdict } from './cluster-admission.js';
import type { ClusterView } from './cluster-view.js';

export interface PolicyDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly view: ClusterView;
}

/** What may be changed by users; a key that is left out stays. */
export interface SettingsChange {
  readonly shutdownPolicy?: ShutdownPolicy;
  readonly overcommit?: (typeof OVERCOMMIT_POLICIES)[number];
  readonly nodeLoss?: (typeof NODE_LOSS_POLICIES)[number];
  readonly storageLoss?: (typeof STORAGE_LOSS_POLICIES)[number];
  readonly storageLossAfterS?: number;
  readonly rebalanceOnStart?: BalanceBasis | null;
}

type Stored = Readonly<Record<string, unknown>>;
/** null = nothing is to be written; a text = it cannot be, and why. */
type Change = (stored: Stored) => Stored | string | null;

const ATTEMPTS = 5;

export class Policy {
  constructor(private readonly deps: PolicyDeps) {}

  settings(): ClusterSettings {
    return this.deps.view.settings();
  }

  async change(change: SettingsChange): Promise<void> {
    await this.write((stored) => ({ ...stored, ...change }));
  }

  /** Null = it is there now; a text = why it cannot be. Its name must be free. */
  addRule(rule: PlacementRule & { readonly name: string }): Promise<string | null> {
    return this.write((stored) => {
      const { rules } = settingsOf(stored);
      if (rules.some((other) => other.name === rule.name)) return `There is a rule "${rule.name}" already`;
      const flaw = flawOf(rule, rules);
      return flaw === null ? { ...stored, rules: [...rules, rule] } : `Rule "${rule.name}" cannot be kept: ${flaw}`;
    });
  }

  /** False = there is no such rule. */
  async removeRule(name: string): Promise<boolean> {
    let found = false;
    await this.write((stored) => {
      const { rules } = settingsOf(stored);
      found = rules.some((rule) => rule.name === name);
      return found ? { ...stored, rules: rules.filter((rule) => rule.name !== name) } : null;
    });
    return found;
  }

  /**
   * on: nothing is begun by itself. movesRefused: commands that move VMs are turned down as well. disarmed: guests may
   * run on without a lease. Off ends all three.
   */
  async setMaintenance(on: boolean, { movesRefused = false, disarmed = false } = {}): Promise<void> {
    await this.write((stored) => (
      { ...stored, maintenance: on, movesRefused: on && movesRefused, disarmed: on && disarmed }));
  }

  lossWarnings(): { readonly node: string; readonly text: string }[] {
    return lossWarnings(this.deps.view);
  }

  /** What the cluster has to say to a start that it does not refuse; null = nothing. */
  startWarning(to: Address, command: ActorEvent): string | null {
    const verdict = startVerdict(this.deps.view, to, command);
    return verdict.kind === 'warning' ? verdict.text : null;
  }

  /** Why the cluster as a whole takes no such command now, for people; null = it does. */
  turnsDown(to: Address, command: ActorEvent): string | null {
    const verdict = startVerdict(this.deps.view, to, command);
    return verdict.kind === 'refusal' ? verdict.text : null;
  }

  /** The command that a node is to hear before its system goes down. */
  leaveCommand(how: 'shutdown' | 'reboot'): Extract<NodeCommand, { type: 'node.leave' }> {
    return { type: 'node.leave', policy: goingDownBy(this.settings().shutdownPolicy, how) };
  }

  /** Reads, changes, and writes if nobody else wrote meanwhile. Rejects with PVC_NOT_COMMITTED. */
  private async write(change: Change): Promise<string | null> {
    const { store, paths } = this.deps;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      await store.sync(paths.settings);
      const node = await store.read(paths.settings);
      const stored = node === null || node.data.length === 0 ? {} : decode<Record<string, unknown>>(node.data);
      const changed = change(stored);
      if (changed === null || typeof changed === 'string') return changed;
      const version = node?.stat.version ?? 'any';
      const result = await store.multi([{ op: 'set', path: paths.settings, data: encode(changed), version }]);
      if (result.kind === 'done') return null;
      if (result.kind === 'unknown' || result.code !== 'bad-version') break;
    }
    throw new PvcError('PVC_NOT_COMMITTED', 'The setting was not stored: try again');
  }
}

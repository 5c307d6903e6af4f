/** What the API needs of the cluster's settings and rules. Implemented by actors/policy.ts (structurally). */
import type {
  ClusterSettings, NODE_LOSS_POLICIES, OVERCOMMIT_POLICIES, STORAGE_LOSS_POLICIES, ShutdownPolicy,
} from '../machines/cluster-settings.js';
import type { BalanceBasis } from '../machines/rebalance.js';
import type { PlacementRule } from '../machines/rules.js';
import type { Address } from '../runtime/address.js';
import type { ActorEvent } from './commands.js';

/** A key that is left out stays as it is. */
export interface SettingsChange {
  readonly shutdownPolicy?: ShutdownPolicy;
  readonly overcommit?: (typeof OVERCOMMIT_POLICIES)[number];
  readonly nodeLoss?: (typeof NODE_LOSS_POLICIES)[number];
  readonly storageLoss?: (typeof STORAGE_LOSS_POLICIES)[number];
  readonly storageLossAfterS?: number;
  readonly rebalanceOnStart?: BalanceBasis | null;
}

/** Writes reject with PVC_NOT_COMMITTED when the store does not take them. */
export interface ClusterPolicy {
  settings(): ClusterSettings;
  change(change: SettingsChange): Promise<void>;
  /** null = it is there now; a text = why it cannot be. */
  addRule(rule: PlacementRule & { readonly name: string }): Promise<string | null>;
  /** false = there is no such rule. */
  removeRule(name: string): Promise<boolean>;
  setMaintenance(on: boolean, options?: { movesRefused?: boolean; disarmed?: boolean }): Promise<void>;
  /** Nodes whose loss would leave VMs without a place. */
  lossWarnings(): readonly { readonly node: string; readonly text: string }[];
  /** What the cluster has to say to a start that it does not refuse; null = nothing. */
  startWarning(to: Address, command: ActorEvent): string | null;
  leaveCommand(how: 'shutdown' | 'reboot'): ActorEvent;
}

/** The settings of the whole cluster, as they are stored below /pvc/settings: what is legal, and what holds without. */
import type { BalanceBasis } from './rebalance.js';
import { BALANCE_BASES } from './rebalance.js';
import type { PlacementRule } from './rules.js';

/** What becomes of a node's VMs when its system is shut down or rebooted in order. */
export const SHUTDOWN_POLICIES = ['conditional', 'freeze', 'failover', 'migrate'] as const;
export type ShutdownPolicy = (typeof SHUTDOWN_POLICIES)[number];
/** More memory given to VMs than a node has: see machines/placement.ts. */
export const OVERCOMMIT_POLICIES = ['fit', 'warn', 'refuse'] as const;
/** A start after which the loss of one node would leave a VM without a place. */
export const NODE_LOSS_POLICIES = ['ignore', 'warn', 'refuse'] as const;

/** A node that lives and has no way to the storage: its VMs on RBD begin anew elsewhere, or wait for it. */
export const STORAGE_LOSS_POLICIES = ['move', 'wait'] as const;
/** Seconds for which it has been so before anything is done; the least is what a cable that is replugged takes. */
export const STORAGE_LOSS_AFTER_S = { least: 5, most: 86_400, usual: 30 } as const;

export interface ClusterSettings {
  readonly shutdownPolicy: ShutdownPolicy;
  readonly overcommit: (typeof OVERCOMMIT_POLICIES)[number];
  readonly nodeLoss: (typeof NODE_LOSS_POLICIES)[number];
  readonly storageLoss: (typeof STORAGE_LOSS_POLICIES)[number];
  readonly storageLossAfterS: number;
  /** A VM that is started goes where it makes the cluster most even, instead of home; null = home. */
  readonly rebalanceOnStart: BalanceBasis | null;
  readonly rules: readonly PlacementRule[];
  readonly maintenance: boolean;
  /** Under maintenance: commands that move VMs are refused as well. */
  readonly movesRefused: boolean;
  /** Guards let guests run without a lease; true only while maintenance is on. */
  readonly disarmed: boolean;
}

type Stored = Readonly<Record<string, unknown>>;

const wordOf = <T extends string>(value: unknown, legal: readonly T[], otherwise: T): T =>
  legal.find((word) => word === value) ?? otherwise;

const secondsOf = (value: unknown): number => {
  const { least, most, usual } = STORAGE_LOSS_AFTER_S;
  return typeof value === 'number' && value >= least && value <= most ? value : usual;
};

/** Never throws: what an older or newer daemon stored, and this one does not know, is as if it were not there. */
export function settingsOf(stored: Stored): ClusterSettings {
  const maintenance = stored['maintenance'] === true;
  return {
    shutdownPolicy: wordOf(stored['shutdownPolicy'], SHUTDOWN_POLICIES, 'conditional'),
    overcommit: wordOf(stored['overcommit'], OVERCOMMIT_POLICIES, 'fit'),
    nodeLoss: wordOf(stored['nodeLoss'], NODE_LOSS_POLICIES, 'warn'),
    storageLoss: wordOf(stored['storageLoss'], STORAGE_LOSS_POLICIES, 'move'),
    storageLossAfterS: secondsOf(stored['storageLossAfterS']),
    rebalanceOnStart: BALANCE_BASES.find((basis) => basis === stored['rebalanceOnStart']) ?? null,
    rules: Array.isArray(stored['rules']) ? stored['rules'] as readonly PlacementRule[] : [],
    maintenance,
    movesRefused: maintenance && stored['movesRefused'] === true,
    disarmed: maintenance && stored['disarmed'] === true,
  };
}

/** What a node does with its VMs on its way down. */
export const goingDownBy = (
  policy: ShutdownPolicy, how: 'shutdown' | 'reboot',
): Exclude<ShutdownPolicy, 'conditional'> =>
  policy !== 'conditional' ? policy : how === 'reboot' ? 'freeze' : 'failover';

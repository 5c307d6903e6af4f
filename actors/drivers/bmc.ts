/**
 * Bmc: the port to a node's power, whatever the controller (IPMI here; Redfish and PDUs must fit).
 * The state is read back and parsed for its meaning; a text that is neither on nor off is `unknown`.
 */
import type { Outcome } from './outcome.js';

export type PowerState = 'on' | 'off';

export interface Bmc {
  /** node = the node whose power is meant. deadlineMs bounds the whole call. */
  read(node: string, deadlineMs: number): Promise<Outcome<PowerState>>;
  /** done = the controller took the command; read back to know. */
  set(node: string, power: PowerState, deadlineMs: number): Promise<Outcome<null>>;
}

/** Probe: signs of life of a host on each network (ICMP echo, and the guard's own port). */
export interface Probe {
  /** Which of the networks answered within timeoutMs; empty = silent everywhere. */
  signs(node: string, timeoutMs: number):
    Promise<{ readonly answered: readonly ('upstream' | 'cluster' | 'storage')[] }>;
}

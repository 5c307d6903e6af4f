/** What the adapter and its worker process say to each other (worker-port.ts). */
import type { DomainEvent, DomainInfo, DomainStats, Stillness } from '../hypervisor.js';
import type { CallOf } from '../worker-port.js';
import type { DeviceArguments } from './devices.js';
import type { SecretOptions } from './secret.js';

export interface WorkerOptions {
  readonly uri: string;
  /** Seconds between keep-alives on an idle connection, and how many may go unanswered. */
  readonly keepAliveS: number;
  readonly keepAliveCount: number;
  /** Key of the storage's user; null = guests have no RBD disks here. */
  readonly secret: SecretOptions | null;
}

/** Operation -> its arguments and its answer's value. */
export interface Operations {
  /** Only which domains there are: one question to libvirtd. */
  present: { args: Record<never, never>; value: readonly string[] };
  list: { args: Record<never, never>; value: readonly DomainInfo[] };
  observe: { args: { uuid: string }; value: DomainInfo | null };
  /** Past deadlineMs from its arrival a start that has not begun is refused: nobody waits for it any more. */
  start: { args: { uuid: string; xml: string; deadlineMs: number; needsSecret: boolean }; value: DomainInfo };
  shutdown: { args: { uuid: string }; value: null };
  destroy: { args: { uuid: string; deadlineMs: number }; value: null };
  resume: { args: { uuid: string }; value: DomainInfo };
  migrate: {
    args: { uuid: string; targetHost: string; maxDowntimeMs: number; deadlineMs: number };
    value: { durationMs: number };
  };
  device: { args: DeviceArguments & { needsSecret: boolean }; value: null };
  resizeDisk: { args: { uuid: string; volume: string; sizeBytes: number }; value: null };
  freeze: { args: { uuid: string; deadlineMs: number }; value: Stillness };
  thaw: { args: { uuid: string }; value: null };
  stats: { args: Record<never, never>; value: readonly DomainStats[] };
}

export type LibvirtCall = CallOf<Operations>;

export interface MigrationProgress { readonly totalBytes: number; readonly remainingBytes: number }

export type WorkerNews =
  | { readonly type: 'event'; readonly event: DomainEvent }
  /** The connection stands; what runs at that moment. */
  | { readonly type: 'connected'; readonly domains: readonly DomainInfo[] };

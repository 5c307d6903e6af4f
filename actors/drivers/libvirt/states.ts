/** libvirt's numbers -> our words. Source: libvirt-domain.h. */
import type { DomainEvent, DomainState } from '../hypervisor.js';

/** virErrorNumber: those we tell apart. */
export const ERROR = {
  noConnect: 5, invalidConnection: 6, rpc: 39, noDomain: 42, operationInvalid: 55, noMetadata: 80, unsupported: 84,
} as const;

/** virDomainState */
const STATE = { paused: 3, shutdown: 4, shutoff: 5, crashed: 6 } as const;
/** virDomainPausedReason */
const PAUSED = { migration: 2, crashed: 10, startingUp: 11 } as const;

/**
 * The state as far as virDomainGetState tells it. `ask` = a domain being started, an incoming copy or the source in the
 * last moment of its migration: only its job tells which (see operations.ts).
 */
export function stateOf(state: number, reason: number): DomainState | 'ask' {
  switch (state) {
    case STATE.paused:
      if (reason === PAUSED.migration || reason === PAUSED.startingUp) return 'ask';
      return reason === PAUSED.crashed ? 'crashed' : 'paused';
    case STATE.shutdown: return 'shutting-down';
    case STATE.shutoff: return 'ask';
    case STATE.crashed: return 'crashed';
    // No state, blocked; and a guest in S3, which is alive and wakes by itself.
    default: return 'running';
  }
}

/** Details of each virDomainEventType, by number. */
const STARTED = ['booted', 'incoming migration', 'restored', 'from a snapshot', 'woken up'];
const SUSPENDED = ['paused', 'for migration', 'I/O error', 'watchdog', 'restored', 'from a snapshot', 'API error'];
const RESUMED = ['unpaused', 'after migration', 'from a snapshot'];
const STOPPED = [
  'guest powered off', 'destroyed', 'QEMU crashed', 'migrated away', 'saved', 'QEMU ended without a shutdown',
  'to a snapshot',
];
const CRASHED = ['guest panicked', 'crash loaded'];

/** virDomainEventType -> word, with the detail in words; null for an event that says nothing new. */
export function eventOf(uuid: string, event: number, detail: number): DomainEvent | null {
  const made = (type: DomainEvent['type'], details: readonly string[]): DomainEvent =>
    ({ uuid, type, detail: details[detail] ?? `detail ${detail}` });
  switch (event) {
    case 2: return made('started', STARTED);
    case 3: return made('paused', SUSPENDED);
    case 4: return made('resumed', RESUMED);
    case 5: return made(detail === 0 ? 'stopped' : detail === 3 ? 'migrated-away' : 'crashed', STOPPED);
    case 8: return made('crashed', CRASHED);
    default: return null;
  }
}

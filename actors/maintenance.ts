/**
 * Maintenance: while it is on, nothing happens by itself. Nobody is newly suspected, no VM is started or moved but by
 * command; a fence that is under way is finished. `movesRefused` turns down commands that move VMs, too.
 */
import type { Mirror } from '../runtime/mirror.js';
import type { ActorEvent } from '../runtime/envelope.js';

type Settings = Pick<Mirror, 'settings'>;

/** Why nothing happens, for people. */
export const NOTHING_BY_ITSELF = 'Maintenance is on: nothing is begun by itself';

export const isMaintained = (mirror: Settings): boolean => mirror.settings()['maintenance'] === true;

const MOVES: ReadonlySet<string> = new Set([
  'vm.migrate', 'vm.move', 'vm.unmigrate', 'node.flush', 'node.ready', 'node.leave']);

/** Why a command is turned down, for people; null = it is not. */
export function maintenanceTurnsDown(mirror: Settings, command: ActorEvent): string | null {
  if (!isMaintained(mirror) || mirror.settings()['movesRefused'] !== true || !MOVES.has(command.type)) return null;
  return 'Maintenance is on, and nothing is moved while it is: switch it off first, or let moves be asked for';
}

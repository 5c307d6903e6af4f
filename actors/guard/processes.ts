/**
 * The processes of this node that can keep or make a guest alive, found in /proc of our own pid
 * namespace, whoever started them. No list kept by pvcd or libvirt is believed.
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** An argument in the command line of every driver process of pvcd; drivers must not change their title. */
export const DRIVER_MARKER = '--pvc-driver';

export type ProcessKind = 'guest' | 'driver' | 'libvirtd';

export interface FoundProcess {
  readonly pid: number;
  /** Clock ticks since boot: tells a process from a later one that got the same pid. */
  readonly startTime: string;
  readonly kind: ProcessKind;
  /** Name of the guest if QEMU was given one, else the program's. */
  readonly name: string;
}

interface Stat {
  readonly comm: string;
  readonly state: string;
  readonly startTime: string;
}

function readStat(pid: string): Stat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null; // gone meanwhile
  }
  // The program's name stands in parentheses and may hold any character, parentheses too.
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  return {
    comm: text.slice(text.indexOf('(') + 1, close), state: fields[0] ?? '', startTime: fields[19] ?? '',
  };
}

const isDead = (stat: Stat): boolean => stat.state === 'Z' || stat.state === 'X' || stat.state === 'x';

/** The program's file name; '' for a kernel thread or a process that is just ending. */
function programOf(pid: string): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return '';
  }
}

function argumentsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

const isGuest = (name: string): boolean => name.startsWith('qemu-system') || name.startsWith('qemu-kvm');
const isLibvirtd = (name: string): boolean => /^(libvirtd|virtqemud)( \(deleted\))?$/.test(name);

/** libvirt's `-name guest=web1,debug-threads=on`, or plain `-name web1`. */
function guestName(args: readonly string[], fallback: string): string {
  const at = args.indexOf('-name');
  const value = at >= 0 ? args[at + 1] ?? '' : '';
  return /^(?:guest=)?([^,]+)/.exec(value)?.[1] ?? fallback;
}

function classify(pid: string, stat: Stat): { kind: ProcessKind; name: string } | null {
  const program = programOf(pid);
  // QEMU may have renamed itself (`process=`), its file may have been replaced: either name counts.
  if (isGuest(stat.comm) || isGuest(program)) return { kind: 'guest', name: guestName(argumentsOf(pid), stat.comm) };
  if (isLibvirtd(stat.comm) || isLibvirtd(program)) return { kind: 'libvirtd', name: stat.comm };
  if (/^node(js)?( \(deleted\))?$/.test(program) && argumentsOf(pid).includes(DRIVER_MARKER)) {
    return { kind: 'driver', name: stat.comm };
  }
  return null;
}

/** Everything alive that matters to the guard. Zombies are dead. Throws if /proc itself cannot be read. */
export function findProcesses(): readonly FoundProcess[] {
  const found: FoundProcess[] = [];
  const self = String(process.pid);
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || pid === self) continue;
    const stat = readStat(pid);
    if (stat === null || isDead(stat)) continue;
    const what = classify(pid, stat);
    if (what !== null) found.push({ pid: Number(pid), startTime: stat.startTime, ...what });
  }
  return found;
}

export const countGuests = (): number => findProcesses().filter((each) => each.kind === 'guest').length;

/** SIGKILL, if the pid is still the process that was found. False = it was gone already. */
export function killProcess(target: FoundProcess): boolean {
  const stat = readStat(String(target.pid));
  if (stat === null || isDead(stat) || stat.startTime !== target.startTime) return false;
  try {
    process.kill(target.pid, 'SIGKILL');
    return true;
  } catch {
    return false; // ESRCH: it ended between the two lines
  }
}

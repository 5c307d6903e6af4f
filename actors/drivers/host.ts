/** The machine pvcd runs on, as the kernel tells it: the only reader of /proc/meminfo and of the load. */
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release } from 'node:os';

/** What a node says of its machine. The first three never change while a daemon lives. */
export interface HostFigures {
  /** As `uname -r` has it. */
  readonly kernel: string;
  /** `x86_64`, or as Node names it. */
  readonly arch: string;
  readonly cpuCount: number;
  memory(): { readonly totalMiB: number; readonly availableMiB: number };
  /** Mean of the last minute. */
  load(): number;
}

/** Each of the constant ones costs a system call or more, and is asked for once. Never throws once it is made. */
export function readHost(): HostFigures {
  return {
    kernel: release(), arch: arch() === 'x64' ? 'x86_64' : arch(), cpuCount: cpus().length,
    memory: readMemory, load: () => loadavg()[0] ?? 0,
  };
}

/** Figures for `name:` lines of /proc/meminfo, in MiB. */
function readMemory(): { totalMiB: number; availableMiB: number } {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { totalMiB: Math.floor(kib('MemTotal') / 1024), availableMiB: Math.floor(kib('MemAvailable') / 1024) };
}

/** What the service manager of this host is about to do with the whole system: systemd's jobs, read. */
import { runProgram } from '../process.js';

/** off: for good; reboot: it comes back; null: it goes on (or nobody can say). */
export type GoingDown = 'off' | 'reboot' | null;

const REBOOT = /\b(reboot|soft-reboot|kexec)\.target\s+start\b/;
const OFF = /\b(poweroff|halt)\.target\s+start\b/;

/** Reads `systemctl list-jobs --plain --no-legend`: a line a job, `<id> <unit> <type> <state>`. */
export const goingDownOf = (jobs: string): GoingDown => (REBOOT.test(jobs) ? 'reboot' : OFF.test(jobs) ? 'off' : null);

/** Asks systemd; null where there is none, or when it does not answer within the time. Never throws. */
export async function readGoingDown(deadlineMs: number): Promise<GoingDown> {
  const { stdout } = await runProgram('systemctl', ['list-jobs', '--plain', '--no-legend'], { deadlineMs });
  return goingDownOf(stdout);
}

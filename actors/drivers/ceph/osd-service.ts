/** Who runs the daemons of OSDs: systemd, by the units that Debian's ceph-osd brings. */
import { runProgram } from '../../process.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';

export interface OsdServices {
  /** It runs, and will after a reboot. */
  start(number: number, deadlineMs: number): Promise<Outcome<null>>;
  /** It does not run, nor will after a reboot. */
  stop(number: number, deadlineMs: number): Promise<Outcome<null>>;
}

const unit = (number: number): string => `ceph-osd@${number}.service`;

export function systemdServices(systemctl = 'systemctl'): OsdServices {
  const tell = async (words: readonly string[], deadlineMs: number): Promise<Outcome<null>> => {
    const result = await runProgram(systemctl, words, { deadlineMs });
    if (result.status === 0) return done(null);
    if (result.timedOut) return unknown(`${systemctl} ${words.join(' ')} did not end in time`);
    return refused(`${systemctl} ${words.join(' ')}: ${result.stderr.trim().split('\n').at(-1) ?? 'it failed'}`);
  };
  return {
    async start(number, deadlineMs) {
      // Three starts within half an hour are all that the unit allows itself.
      await tell(['reset-failed', unit(number)], deadlineMs);
      return tell(['enable', '--now', unit(number)], deadlineMs);
    },
    stop: (number, deadlineMs) => tell(['disable', '--now', unit(number)], deadlineMs),
  };
}

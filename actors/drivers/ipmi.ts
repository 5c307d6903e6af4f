/**
 * Bmc over IPMI 2.0 by `ipmitool` (package ipmitool). The cipher suite is fixed to 3, else a call may
 * first wait 10 s for an answer some controllers never give. `-v` makes the tool say why it failed.
 * The password travels in the environment of the one call, never in a command line that `ps` shows.
 */
import type { PvcConfig } from '../config.js';
import { runProgram, type ProgramResult } from '../process.js';
import { systemClock, type Clock } from '../../runtime/clock.js';
import { REASON_LENGTH_MAX } from '../../runtime/limits.js';
import type { Bmc, PowerState } from './bmc.js';
import { done, refused, unknown, type Outcome } from './outcome.js';

export interface IpmiOptions {
  readonly clock?: Clock;
  /** Name or path of the tool. */
  readonly program?: string;
}

type BmcAccess = PvcConfig['fencing']['bmc'][string];

const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What -v and -E say on every call, good or bad. */
const NOISE = /^(Loading IANA|Running Get VSO|Invalid completion code|Discovered IPMB|IPMI Request Match)/;

function tail(text: string): string {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !NOISE.test(line));
  return lines.slice(-3).join('; ').slice(0, REASON_LENGTH_MAX);
}

/** The state by its meaning; null = the tool said neither, or both. */
export function parsePower(stdout: string): PowerState | null {
  const words = [...stdout.matchAll(/^\s*chassis power is (on|off)\s*$/gim)].map((match) => match[1]?.toLowerCase());
  const [word] = words;
  return words.every((each) => each === word) && (word === 'on' || word === 'off') ? word : null;
}

/** Why a call failed: refused only if the controller itself said no. */
function failure(node: string, access: BmcAccess, result: ProgramResult, deadlineMs: number): Outcome<never> {
  const where = `BMC of ${node} (${access.host}:${access.port})`;
  const said = tail(result.stderr);
  if (result.timedOut) return unknown(`${where}: no answer within ${Math.round(deadlineMs)} ms`);
  if (/RAKP \d HMAC is invalid/i.test(said)) {
    return refused(`${where} does not accept the password of ${access.username}`);
  }
  if (/unauthorized name|insufficient privilege|invalid role/i.test(said)) {
    return refused(`${where} does not accept the user ${access.username}: ${said}`);
  }
  if (/(Set Chassis Power Control|Get Chassis Power Status).*failed/i.test(said)) return refused(`${where}: ${said}`);
  if (result.status === null && /ENOENT/.test(said)) return unknown(`${where}: the program ipmitool is not installed`);
  if (/Unable to establish|Get Auth Capabilities error|Address lookup/i.test(said)) {
    return unknown(`${where} does not answer: ${said}`);
  }
  return unknown(`${where}: ${said || tail(result.stdout) || `ipmitool ended with status ${result.status}`}`);
}

/** A BMC that has not told its power state by then is asked a second time beside the first, milliseconds. */
const HEDGE_MS = 1200;

/** bmc = `config.fencing.bmc`. A node without an entry is `refused`. Never throws, never logs the password. */
export function createIpmiBmc(bmc: PvcConfig['fencing']['bmc'], options: IpmiOptions = {}): Bmc {
  const clock = options.clock ?? systemClock;

  const call = (access: BmcAccess, command: readonly string[], deadlineMs: number): Promise<ProgramResult> => {
    const retries = Math.max(1, Math.ceil(deadlineMs / 1000));
    return runProgram(
      options.program ?? 'ipmitool',
      ['-v', '-I', 'lanplus', '-C', '3', '-N', '1', '-R', `${retries}`, '-H', access.host, '-p', `${access.port}`,
        '-U', access.username, '-E', ...command],
      { deadlineMs, env: { PATH: SEARCH_PATH, LC_ALL: 'C', IPMI_PASSWORD: access.password } },
    );
  };
  const noAccess = (node: string): Outcome<never> => refused(`the configuration names no BMC for node ${node}`);

  const read = async (node: string, deadlineMs: number): Promise<Outcome<PowerState>> => {
    const access = bmc[node];
    if (access === undefined) return noAccess(node);
    const result = await call(access, ['chassis', 'power', 'status'], deadlineMs);
    if (result.status !== 0) return failure(node, access, result, deadlineMs);
    const power = parsePower(result.stdout);
    if (power === null) return unknown(`BMC of ${node} told neither on nor off: ${tail(result.stdout) || 'nothing'}`);
    return done(power);
  };
  /** Reading changes nothing: a session that got lost on its way is overtaken by a second one. */
  const readHedged = async (node: string, deadlineMs: number): Promise<Outcome<PowerState>> => {
    const first = read(node, deadlineMs);
    if (deadlineMs <= HEDGE_MS) return first;
    const early = await Promise.race([first, clock.sleep(HEDGE_MS).then(() => null)]);
    if (early !== null) return early;
    const second = read(node, deadlineMs - HEDGE_MS);
    const quicker = await Promise.race([first, second]);
    if (quicker.kind === 'done') return quicker;
    const [one, other] = await Promise.all([first, second]);
    return one.kind === 'done' ? one : other;
  };
  const set = async (node: string, power: PowerState, deadlineMs: number): Promise<Outcome<null>> => {
    const access = bmc[node];
    if (access === undefined) return noAccess(node);
    const endMs = clock.monotonicMs() + deadlineMs;
    const result = await call(access, ['chassis', 'power', power], deadlineMs);
    if (result.status === 0) return done(null);
    const failed = failure(node, access, result, deadlineMs);
    // Some controllers refuse "off" when it is off already: what counts is the state.
    const leftMs = endMs - clock.monotonicMs();
    if (failed.kind !== 'refused' || leftMs <= 0) return failed;
    const now = await read(node, leftMs);
    return now.kind === 'done' && now.value === power ? done(null) : failed;
  };
  return { read: readHedged, set };
}

/**
 * Live migration, peer to peer: this node's libvirtd speaks to the target's by itself, so the move does not hang on us.
 * It arrives paused and stays so: the target resumes only as an effect under the new epoch (ARCHITECTURE.md).
 *
 * How it is judged: never by the error's text, always by what is here afterwards.
 *   source gone, call succeeded          -> done      (the target holds the paused copy)
 *   source running, call failed          -> refused   (libvirt has ended the job: nothing will leave any more)
 *   anything else                        -> unknown
 */
import { createConnection } from 'node:net';
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { Clock } from '../../../runtime/clock.js';
import type { Pointer } from '../foreign.js';
import { local, remote } from './library.js';
import { failed, find, withDomain } from './domains.js';
import { LibvirtFailure, type Lane, type Lanes } from './lane.js';
import type { Operations } from './protocol.js';
import { ERROR } from './states.js';

/** LIVE | PEER2PEER | PAUSED */
const FLAGS = 1 | 2 | 32;
const LIBVIRT_TCP_PORT = 16509;
const POLL_MS = 500;
/** A target whose libvirtd takes longer to accept is no target: libvirt itself would wait two minutes for it. */
const TARGET_ANSWER_MS = 3000;
/** After the deadline: how long a cancelled migration may take to end before we say that we do not know. */
const CANCEL_GRACE_MS = 15_000;

type Arguments = Operations['migrate']['args'];
type Progress = (totalBytes: number, remainingBytes: number) => void;

function answers(host: string, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: LIBVIRT_TCP_PORT });
    const finish = (answer: boolean): void => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = clock.after(timeoutMs, () => finish(false));
    socket.once('connect', () => finish(true)).once('error', () => finish(false));
  });
}

async function reportProgress(lane: Lane, domain: Pointer, onProgress: Progress): Promise<void> {
  const [type, params, count]: [number[], (Pointer | null)[], number[]] = [[0], [null], [0]];
  await lane.call<number>(remote.jobStats, domain, type, params, count, 0);
  if (!params[0]) return;
  const read = (name: string): number | null => {
    const value: (number | bigint)[] = [0];
    return local.getULongLong(params[0], count[0], name, value) === 1 ? Number(value[0]) : null;
  };
  const [total, remaining] = [read('data_total'), read('data_remaining')];
  local.freeParams(params[0], count[0]);
  if (total && remaining !== null) onProgress(total, remaining);
}

/** Polls while the job runs, one poll at a time; past the deadline each round cancels instead. Ends with the job. */
async function watch(
  lanes: Lanes, request: Arguments, until: number, isOver: () => boolean, clock: Clock, onProgress: Progress,
): Promise<void> {
  await lanes.use((lane) => withDomain(lane, request.uuid, async (domain) => {
    for (;;) {
      await clock.sleep(Math.max(10, Math.min(POLL_MS, until - clock.monotonicMs())));
      if (isOver()) return;
      const late = clock.monotonicMs() >= until;
      try {
        await (late ? lane.call<number>(remote.abortJob, domain) : reportProgress(lane, domain, onProgress));
      } catch (error) {
        // No job yet, or none any more: the next round sees. A broken connection ends watch and migration alike.
        if (!(error instanceof LibvirtFailure) || error.lost) return;
      }
      if (late) await clock.sleep(POLL_MS);
    }
  }));
}

async function judge(
  lane: Lane, uuid: string, error: LibvirtFailure | null, durationMs: number,
): Promise<Outcome<{ durationMs: number }>> {
  if (error?.lost) return failed(error);
  const source = await find(lane, uuid);
  if (source === null) {
    return error === null ? done({ durationMs })
      : unknown(`the copy here is gone, but libvirt reported: ${error.message}`);
  }
  if (error !== null && source.info.state === 'running') return refused(error.message);
  return unknown(`the copy here is ${source.info.state}${error ? `; libvirt reported: ${error.message}` : ''}`);
}

function addUri(host: string): { params: Pointer; count: number } {
  const [params, count, max]: [(Pointer | null)[], number[], number[]] = [[null], [0], [0]];
  local.addString(params, count, max, 'migrate_uri', `tcp://${host}`);
  return { params: params[0] as Pointer, count: count[0] as number };
}

async function carryOut(lane: Lane, request: Arguments, host: string): Promise<LibvirtFailure | null> {
  const { params, count } = addUri(host);
  try {
    const moved = await withDomain(lane, request.uuid, async (domain) => {
      await lane.call<number>(remote.setMaxDowntime, domain, request.maxDowntimeMs, 0);
      return lane.call<number>(remote.migrate, domain, `qemu+tcp://${host}/system`, params, count, FLAGS);
    });
    if (moved !== null) return null;
    return new LibvirtFailure({ code: ERROR.noDomain, message: 'it ended before or during its migration' }, false);
  } catch (error) {
    if (error instanceof LibvirtFailure) return error;
    throw error;
  } finally {
    local.freeParams(params, count);
  }
}

/** `quick` is the shared lane for short questions; the move itself and its watch take a lane each. */
export async function migrateDomain(
  quick: Lane, lanes: Lanes, request: Arguments, clock: Clock, onProgress: Progress,
): Promise<Outcome<{ durationMs: number }>> {
  const started = clock.monotonicMs();
  const until = started + request.deadlineMs;
  const source = await find(quick, request.uuid);
  if (source === null) return refused('there is no such domain on this node');
  if (source.info.state !== 'running') return refused(`${source.info.name} is ${source.info.state}, not running`);
  if (!await answers(request.targetHost, Math.min(TARGET_ANSWER_MS, request.deadlineMs), clock)) {
    return refused(`libvirtd of ${request.targetHost} does not answer on port ${LIBVIRT_TCP_PORT}`);
  }
  const host = request.targetHost.includes(':') ? `[${request.targetHost}]` : request.targetHost;
  let over = false;
  const move = lanes.use((lane) => carryOut(lane, request, host)).finally(() => {
    over = true;
  });
  const watching = watch(lanes, request, until, () => over, clock, onProgress);
  watching.catch(() => undefined);
  const verdict = move.then((error) => judge(quick, request.uuid, error, Math.round(clock.monotonicMs() - started)));
  let cancelGrace = (): void => undefined;
  const overdue = new Promise<Outcome<never>>((resolve) => {
    cancelGrace = clock.after(request.deadlineMs + CANCEL_GRACE_MS,
      () => resolve(unknown('the migration passed its deadline and libvirt has not confirmed that it is cancelled')));
  });
  try {
    return await Promise.race([verdict, overdue]);
  } finally {
    cancelGrace();
  }
}

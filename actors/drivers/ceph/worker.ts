/**
 * The process that holds librados and librbd (worker-process.ts): it speaks `protocol.ts` with its parent. Its first
 * argument: WorkerOptions as JSON.
 */
import { systemClock as clock } from '../../../runtime/clock.js';
import { done, refused, type Outcome } from '../outcome.js';
import type { Disconnected } from '../worker-port.js';
import { crashWorker, serveParent, tellParent } from '../worker-process.js';
import {
  breakLock, cloneImage, createImage, createSnapshot, removeSnapshot, renameImage, renameSnapshot,
} from './changes.js';
import type { Cluster } from './cluster.js';
import type { CephReply } from './connection.js';
import { CephFailure, EACCES, ESHUTDOWN, outcomeOf } from './failure.js';
import { listChildren, listImages, listWatchers, readImageInfo, readLockOwner } from './images.js';
import { Lanes, type LaneKind } from './lanes.js';
import { copyImage, flattenImage, removeImage, resizeImage, rollbackSnapshot, type Course } from './long-changes.js';
import { waitForOsdmap } from './osdmap.js';
import type { CephCall, Operations, WorkerNews, WorkerOptions } from './protocol.js';
import { Session, type Handles } from './session.js';

const PROGRESS_MS = 250;
/** A hedged command goes to a second monitor after this time: more than a slow commit, less than a lost monitor. */
const HEDGE_MS = 300;

const options = JSON.parse(process.argv[2] ?? '{}') as WorkerOptions;
const lanes = new Lanes(clock);
const cancelled = new Set<number>();
const tell = (news: WorkerNews | Disconnected): void => tellParent<WorkerNews, never>({ type: 'news', news });
const session = new Session(options, clock, tell);

function courseOf(id: number): Course {
  let lastMs = 0;
  return {
    cancelled: () => cancelled.has(id),
    onProgress(progress) {
      const nowMs = clock.monotonicMs();
      if (nowMs - lastMs < PROGRESS_MS) return;
      lastMs = nowMs;
      tellParent<never, number>({ type: 'progress', id, progress });
    },
  };
}

function laneOf({ operation, args }: CephCall): LaneKind {
  switch (operation) {
    case 'command': return args.target === 'mon' || args.target === 'mgr' ? args.target : 'osd';
    case 'waitForOsdmap': return 'mon';
    case 'images': case 'imageInfo': case 'children': case 'watchers': case 'lockOwner': return 'read';
    case 'createImage': case 'renameImage': case 'cloneImage': case 'createSnapshot': case 'removeSnapshot':
    case 'renameSnapshot': case 'breakLock': return 'change';
    case 'resizeImage': case 'removeImage': case 'flattenImage': case 'copyImage': case 'rollbackSnapshot':
      return 'long';
  }
}

/** The first answer of the two, if it is one: an error of one monitor's session says nothing of the other's. */
async function hedged(handles: Handles, args: Operations['command']['args']): Promise<CephReply> {
  const { command, target, input } = args;
  const first = handles.reads.command(target, command, input);
  if (!args.hedge) return first;
  first.catch(() => undefined);
  const late = Symbol('late');
  const early = await Promise.race([first.catch(() => late), clock.sleep(HEDGE_MS).then(() => late)]);
  return typeof early === 'symbol'
    ? Promise.any([first, handles.changes.command(target, command, input)])
      .catch((error: unknown) => Promise.reject(error instanceof AggregateError ? error.errors[0] as unknown : error))
    : early;
}

/**
 * What this connection may not do is asked once more by a client with the caps of today: they may have been given back
 * since it connected. Then it has outlived them, and the connection makes itself anew.
 */
async function commanded(handles: Handles, args: Operations['command']['args']): Promise<CephReply> {
  const { command, target, input } = args;
  const ask = (client: Cluster): Promise<CephReply> => client.command(target, command, input);
  if (args.anew) return session.byNewClient(ask);
  try {
    return await hedged(handles, args);
  } catch (error) {
    if (!(error instanceof CephFailure) || error.code !== EACCES) throw error;
    const reply = await session.byNewClient(ask).catch(() => Promise.reject(error));
    session.outlived('its key may do more than when it connected');
    return reply;
  }
}

/** Questions go by a handle whose operations time out, changes by one whose do not: see session.ts. */
function perform(id: number, call: CephCall, handles: Handles, endMs: number): Promise<unknown> {
  const { reads, changes } = handles;
  const { operation, args } = call;
  switch (operation) {
    case 'command': return commanded(handles, args);
    case 'waitForOsdmap': return waitForOsdmap(clock, reads, args.epoch, endMs);
    case 'images': return listImages(reads, args.pool);
    case 'imageInfo': return readImageInfo(reads, args.ref);
    case 'children': return listChildren(reads, args.ref);
    case 'watchers': return listWatchers(reads, args.ref);
    case 'lockOwner': return readLockOwner(reads, args.ref);
    case 'breakLock': return breakLock(reads, args.ref, args.owner);
    case 'createImage': return createImage(changes, args.ref, args.sizeBytes);
    case 'renameImage': return renameImage(changes, args.ref, args.to);
    case 'cloneImage': return cloneImage(changes, args.from, args.to);
    case 'createSnapshot': return createSnapshot(changes, args.ref);
    case 'removeSnapshot': return removeSnapshot(changes, args.ref);
    case 'renameSnapshot': return renameSnapshot(changes, args.ref, args.to);
    case 'resizeImage': return resizeImage(changes, args.ref, args.sizeBytes, courseOf(id));
    case 'removeImage': return removeImage(changes, args.ref, courseOf(id));
    case 'flattenImage': return flattenImage(changes, args.ref, courseOf(id));
    case 'copyImage': return copyImage(changes, args.from, args.to, courseOf(id));
    case 'rollbackSnapshot': return rollbackSnapshot(changes, args.ref, courseOf(id));
  }
}

async function attempt(id: number, call: CephCall, kind: LaneKind, endMs: number): Promise<Outcome<unknown>> {
  const { handles } = session;
  if (handles === null) return refused(`ENOTCONN: there is no connection to Ceph: ${session.reason}`);
  const toOsds = kind === 'read' || kind === 'change' || kind === 'long';
  if (toOsds && session.blocklisted) return refused(`ESHUTDOWN: ${session.reason}`);
  try {
    return done(await perform(id, call, handles, endMs));
  } catch (error) {
    if (!(error instanceof CephFailure)) throw error;
    if (error.code === ESHUTDOWN && toOsds) session.suspectBlocklist();
    return outcomeOf(error, kind === 'long');
  }
}

async function answer(id: number, call: CephCall, deadlineMs: number): Promise<void> {
  const kind = laneOf(call);
  const endMs = clock.monotonicMs() + deadlineMs;
  const outcome = cancelled.has(id) ? refused('ECANCELED: cancelled before it began')
    : await lanes.use(kind, deadlineMs, () => attempt(id, call, kind, endMs));
  cancelled.delete(id);
  tellParent({ type: 'answer', id, outcome });
}

serveParent<CephCall>(answer, (id) => cancelled.add(id));
void session.run().catch(crashWorker);

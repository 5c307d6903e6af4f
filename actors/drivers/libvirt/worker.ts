/**
 * The process that holds libvirt (worker-process.ts): it speaks `protocol.ts` with its parent. Its first argument:
 * WorkerOptions as JSON.
 */
import { systemClock as clock } from '../../../runtime/clock.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';
import {
  destroyDomain, failed, find, listDomains, presentDomains, resumeDomain, shutdownDomain, startDomain,
} from './domains.js';
import { offMain, type Pointer } from '../foreign.js';
import type { Disconnected } from '../worker-port.js';
import { crashWorker, endWorker, serveParent, tellParent } from '../worker-process.js';
import { callbacks, local, remote, uuidOf } from './library.js';
import { changeDevice, resizeDisk } from './devices.js';
import { freezeDomain, thawDomain } from './stillness.js';
import { Lanes, LibvirtFailure, openLane, type Lane } from './lane.js';
import { migrateDomain } from './migration.js';
import type { LibvirtCall, MigrationProgress, Operations, WorkerNews, WorkerOptions } from './protocol.js';
import { defineSecret } from './secret.js';
import { eventOf } from './states.js';
import { readAllStats, type VncCache } from './statistics.js';

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1000;
/** A libvirtd that takes the connection but does not answer: only a new process is sure to be rid of the thread. */
const OPEN_DEADLINE_MS = 15_000;
const EVENT_LIFECYCLE = 0;
/** virConnectCloseReason */
const CLOSE_REASONS = ['error', 'end of file', 'keep-alive went unanswered', 'closed'];

const options = JSON.parse(process.argv[2] ?? '{}') as WorkerOptions;
const lanes = new Lanes(options);
const vncCache: VncCache = new Map();
const starting = new Map<string, Promise<Outcome<unknown>>>();
/** Quick questions and events; statistics have a lane of their own. Null while there is no connection. */
let main: Lane | null = null;
let statistics: Lane | null = null;
let lastError = '';

const tell = (news: WorkerNews | Disconnected): void => tellParent<WorkerNews, never>({ type: 'news', news });
const answerWith = (id: number, outcome: Outcome<unknown>): void => tellParent({ type: 'answer', id, outcome });

function lose(lane: Lane, reason: string): void {
  if (main !== lane) return;
  // The callback holds a reference to the connection.
  void lane.call<number>(remote.forgetClose, lane.connection, onClose).catch(() => undefined);
  lane.close();
  statistics?.close();
  main = statistics = null;
  lanes.drop();
  tell({ type: 'disconnected', reason });
  void connect();
}

const onClose = callbacks.close((connection, reason) => {
  // libvirt holds the connection's lock until this returns: nothing may be asked of it before.
  clock.after(0, () => {
    if (main?.connection === connection) lose(main, CLOSE_REASONS[reason] ?? 'closed');
  });
});
const onLifecycle = callbacks.lifecycle((domain: Pointer, event, detail) => {
  const made = eventOf(uuidOf(domain), event, detail);
  if (made !== null) tell({ type: 'event', event: made });
});

async function connect(): Promise<void> {
  for (let delayMs = RECONNECT_MIN_MS; main === null; delayMs = Math.min(RECONNECT_MAX_MS, delayMs * 2)) {
    const cancel = clock.after(OPEN_DEADLINE_MS,
      () => endWorker(`libvirtd at ${options.uri} takes connections but does not answer`));
    const opened: Lane[] = [];
    try {
      opened.push(await openLane(options), await openLane(options));
      const [first, second] = opened as [Lane, Lane];
      await first.call<number>(remote.onClose, first.connection, onClose, null, null);
      await first.call<number>(remote.onDomainEvent, first.connection, null, EVENT_LIFECYCLE, onLifecycle, null, null);
      // A guest may arrive before the first one is started here. A start says what is wrong, should this fail.
      if (options.secret !== null) await defineSecret(first, options.secret);
      const domains = await listDomains(first);
      [main, statistics] = [first, second];
      tell({ type: 'connected', domains });
      // The close callback may have fired before `main` was set.
      if (!first.alive) lose(first, 'end of file');
    } catch (error) {
      if (!(error instanceof LibvirtFailure)) throw error;
      for (const lane of opened) lane.close();
      tell({ type: 'disconnected', reason: lastError || error.message });
      await clock.sleep(delayMs);
    } finally {
      cancel();
    }
  }
}

const keyFor = (lane: Lane, needed: boolean): Promise<Outcome<null>> =>
  needed && options.secret !== null ? defineSecret(lane, options.secret) : Promise.resolve(done(null));

async function deviceChange(lane: Lane, args: Operations['device']['args']): Promise<Outcome<null>> {
  const key = await keyFor(lane, args.needsSecret);
  return key.kind === 'done' ? changeDevice(lane, args, clock) : key;
}

/**
 * Two starts of one domain at a time: the second gets the first one's answer. One that waited for a lane until
 * nobody waits for it any more is not begun: by then the guest may run elsewhere.
 */
function startOnce({ uuid, xml, deadlineMs, needsSecret }: Operations['start']['args']): Promise<Outcome<unknown>> {
  const endMs = clock.monotonicMs() + deadlineMs;
  const begin = async (lane: Lane): Promise<Outcome<unknown>> => {
    if (clock.monotonicMs() >= endMs) return refused('libvirt was too busy to begin it in time');
    const key = await keyFor(lane, needsSecret);
    return key.kind === 'done' ? startDomain(lane, uuid, xml) : key;
  };
  const running = starting.get(uuid) ?? lanes.use(begin).finally(() => starting.delete(uuid));
  starting.set(uuid, running);
  return running;
}

async function perform(
  id: number, { operation, args }: LibvirtCall, quick: Lane, figures: Lane,
): Promise<Outcome<unknown>> {
  // Until a start has ended, nobody can say what there is, nor that it is gone.
  if ((operation === 'observe' || operation === 'destroy') && starting.has(args.uuid)) {
    return unknown('a start of it is under way');
  }
  switch (operation) {
    case 'present': return done(await presentDomains(quick));
    case 'list': return done(await listDomains(quick));
    case 'observe': return done((await find(quick, args.uuid))?.info ?? null);
    case 'stats': return done(await readAllStats(figures, vncCache));
    case 'start': return startOnce(args);
    case 'shutdown': return lanes.use((lane) => shutdownDomain(lane, args.uuid));
    case 'resume': return lanes.use((lane) => resumeDomain(lane, args.uuid));
    case 'destroy': return lanes.use((lane) => destroyDomain(lane, args.uuid, args.deadlineMs, clock));
    case 'device': return lanes.use((lane) => deviceChange(lane, args));
    case 'resizeDisk': return lanes.use((lane) => resizeDisk(lane, args));
    case 'freeze': return lanes.use((lane) => freezeDomain(lane, args.uuid, args.deadlineMs, clock));
    case 'thaw': return lanes.use((lane) => thawDomain(lane, args.uuid));
    case 'migrate': return migrateDomain(quick, lanes, args, clock,
      (totalBytes, remainingBytes) => tellParent<never, MigrationProgress>(
        { type: 'progress', id, progress: { totalBytes, remainingBytes } }));
  }
}

async function answer(id: number, call: LibvirtCall): Promise<void> {
  if (main === null || statistics === null) {
    answerWith(id, unknown(`there is no connection to libvirtd: ${lastError}`));
    return;
  }
  const used = main;
  try {
    answerWith(id, await perform(id, call, main, statistics));
  } catch (error) {
    // Of these two, libvirt's definite error is the answer; elsewhere a question failed: what was asked may be so.
    const isAnswer = call.operation === 'shutdown' || call.operation === 'resume';
    answerWith(id, isAnswer ? failed(error) : unknown(String(error)));
  }
  if (!used.alive) lose(used, 'the connection broke');
}

async function pumpEvents(): Promise<never> {
  for (;;) if (await offMain<number>(remote.runEventLoop) < 0) endWorker(`libvirt's event loop failed: ${lastError}`);
}

// A migration that is cancelled is cancelled by its deadline (migration.ts); nothing else here takes long.
serveParent<LibvirtCall>(answer, () => undefined);
// Without a handler libvirt prints every error, even "no such domain", to standard error.
local.setErrorFunc(null, callbacks.error((error) => {
  lastError = error?.message ?? '';
}));
local.registerEventLoop();
void pumpEvents().catch(crashWorker);
void connect().catch(crashWorker);

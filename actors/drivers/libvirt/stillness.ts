/**
 * A guest brought to rest for a moment: its agent freezes its file systems, or it is paused. What ends it is read off
 * the domain alone, so that whoever comes after a crash can end it as well: that it is paused, and a mark in its
 * metadata, set before its agent is asked to freeze and taken off once the agent has said that nothing is frozen.
 *
 * A freeze that was not answered may still be carried out, as late as the guest likes: until its agent has answered a
 * thaw nobody can say that the guest writes again. Each command to an agent is begun only after the agent has answered
 * what came before it (libvirt's guest-sync), so a thaw that it answers comes after every freeze that it was asked for.
 */
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { Clock } from '../../../runtime/clock.js';
import type { Stillness } from '../hypervisor.js';
import { failed, find, withDomain } from './domains.js';
import { LibvirtFailure, type Lane } from './lane.js';
import type { Pointer } from '../foreign.js';
import { remote } from './library.js';
import { ERROR } from './states.js';

/** Seconds for one answer of the agent, as to freeze every file system; 5 to say that it listens, if it owes one. */
const AGENT_S = 8;
const NO_DOMAIN = 'there is no such domain on this node';
const METADATA_ELEMENT = 2;
const AFFECT_LIVE = 1;
const MARK = { namespace: 'urn:pvc:frozen:1', prefix: 'pvcfrozen', xml: '<frozen/>' } as const;

/** What libvirt answered; its definite failure is its message: no agent, one that says nothing, one that refuses. */
async function asked<T extends string | number>(work: () => Promise<T>): Promise<T | { readonly failure: string }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LibvirtFailure) || error.lost) throw error;
    return { failure: error.message };
  }
}

/** File systems that were thawed, or why nobody can say. */
const thawed = (lane: Lane, domain: Pointer) => asked(() => lane.call<number>(remote.thaw, domain, null, 0, 0));

async function marked(lane: Lane, domain: Pointer): Promise<boolean> {
  try {
    await lane.call<string>(remote.metadata, domain, METADATA_ELEMENT, MARK.namespace, AFFECT_LIVE);
    return true;
  } catch (error) {
    if (error instanceof LibvirtFailure && error.code === ERROR.noMetadata) return false;
    throw error;
  }
}

async function mark(lane: Lane, domain: Pointer, isFrozen: boolean): Promise<boolean> {
  const parameters = [isFrozen ? MARK.xml : null, MARK.prefix, MARK.namespace, AFFECT_LIVE] as const;
  const answer = await asked(() => lane.call<number>(remote.setMetadata, domain, METADATA_ELEMENT, ...parameters));
  return typeof answer === 'number';
}

/** Without a time of its own libvirt waits for an answer for ever. */
const limitAgent = (lane: Lane, domain: Pointer) =>
  asked(() => lane.call<number>(remote.agentTimeout, domain, AGENT_S, 0));

async function frozenByAgent(lane: Lane, domain: Pointer, leftMs: () => number): Promise<boolean> {
  await limitAgent(lane, domain);
  // It listens, and what an earlier try froze is thawed: it would refuse to be frozen again.
  if (typeof await thawed(lane, domain) !== 'number') return false;
  if (leftMs() < AGENT_S * 1000 || !await mark(lane, domain, true)) return false;
  const frozen = await asked(() => lane.call<number>(remote.freeze, domain, null, 0, 0));
  if (typeof frozen === 'number' && frozen > 0) return true;
  // Nothing that it could freeze, or some of it, or it has not said: the mark stays until it says that it froze none.
  if (typeof await thawed(lane, domain) === 'number') await mark(lane, domain, false);
  return false;
}

/** Per domain, the end of the call before: a freeze that takes longer than its deadline must not outrun its thaw. */
const turns = new Map<string, Promise<unknown>>();

function inTurn<T>(uuid: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(uuid) ?? Promise.resolve()).then(work);
  const ended = turn.then(() => undefined, () => undefined).then(() => {
    if (turns.get(uuid) === ended) turns.delete(uuid);
  });
  turns.set(uuid, ended);
  return turn;
}

/** Past its deadline it begins nothing: nobody waits for it any more, and its thaw may have been asked for. */
export function freezeDomain(
  lane: Lane, uuid: string, deadlineMs: number, clock: Clock,
): Promise<Outcome<Stillness>> {
  const endMs = clock.monotonicMs() + deadlineMs;
  const leftMs = (): number => endMs - clock.monotonicMs();
  return inTurn(uuid, async () => {
    const before = await find(lane, uuid);
    if (before === null) return refused(NO_DOMAIN);
    if (before.info.state === 'paused') return done('paused');
    if (before.info.state !== 'running') return refused(`${before.info.name} is ${before.info.state}, not running`);
    try {
      const how = await withDomain(lane, uuid, async (domain): Promise<Outcome<Stillness>> => {
        if (leftMs() > 0 && await frozenByAgent(lane, domain, leftMs)) return done('agent');
        if (leftMs() <= 0) return unknown('libvirt or the guest\'s agent took too long');
        await lane.call<number>(remote.suspend, domain);
        return done('paused');
      });
      return how ?? refused(NO_DOMAIN);
    } catch (error) {
      return failed(error);
    }
  });
}

/**
 * Unknown as long as a freeze was begun and the agent does not answer: asked again, it may. Refused if there is no such
 * domain, or if libvirt does not let a guest go on that only was paused.
 */
export function thawDomain(lane: Lane, uuid: string): Promise<Outcome<null>> {
  return inTurn(uuid, async () => {
    const before = await find(lane, uuid);
    if (before === null) return refused(NO_DOMAIN);
    try {
      const over = await withDomain(lane, uuid, async (domain): Promise<Outcome<null>> => {
        const isPaused = before.info.state === 'paused';
        const resumed = isPaused ? await asked(() => lane.call<number>(remote.resume, domain)) : 0;
        await limitAgent(lane, domain);
        const answer = await thawed(lane, domain);
        if (await marked(lane, domain) && (typeof answer !== 'number' || !await mark(lane, domain, false))) {
          const why = typeof answer === 'number' ? 'libvirt did not take the mark off' : answer.failure;
          return unknown(`The file systems of ${before.info.name} may be frozen: its agent did not thaw them (${why}), `
            + 'it is asked again; start qemu-guest-agent in the guest, or stop the VM');
        }
        return typeof resumed === 'number' ? done(null) : refused(resumed.failure);
      });
      return over ?? refused(NO_DOMAIN);
    } catch (error) {
      // What was asked was whether the guest writes again: an error of the question is no answer.
      const outcome = failed(error);
      return outcome.kind === 'refused' ? unknown(outcome.reason) : outcome;
    }
  });
}

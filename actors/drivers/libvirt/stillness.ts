/**
 * A guest brought to rest for a moment: its agent freezes its file systems, or it is paused. What ends it is read off
 * the domain alone, so that whoever comes after a crash can end it as well.
 */
import { done, refused, type Outcome } from '../outcome.js';
import { at, attribute, elements } from '../../domain-tree.js';
import { readDomain } from '../../domain-xml.js';
import type { Stillness } from '../hypervisor.js';
import { failed, find, withDomain } from './domains.js';
import { LibvirtFailure, type Lane } from './lane.js';
import type { Pointer } from '../foreign.js';
import { remote } from './library.js';

/** Seconds for the agent to freeze every file system. */
const AGENT_S = 8;
const AGENT_CHANNEL = 'org.qemu.guest_agent.0';
const NO_DOMAIN = 'there is no such domain on this node';

async function hasAgent(lane: Lane, domain: Pointer): Promise<boolean> {
  const root = readDomain(await lane.call<string>(remote.xml, domain, 0));
  return elements(at(root, 'devices'), 'channel').map((channel) => at(channel, 'target')).some((target) =>
    attribute(target, 'name') === AGENT_CHANNEL && attribute(target, 'state') === 'connected');
}

/** Its definite refusal (an agent without the command, a file system that cannot) is false. */
async function asked(work: () => Promise<number>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof LibvirtFailure) || error.lost) throw error;
    return false;
  }
}

const thawed = (lane: Lane, domain: Pointer): Promise<boolean> =>
  asked(() => lane.call<number>(remote.thaw, domain, null, 0, 0));

async function frozenByAgent(lane: Lane, domain: Pointer): Promise<boolean> {
  if (!await hasAgent(lane, domain)) return false;
  await asked(() => lane.call<number>(remote.agentTimeout, domain, AGENT_S, 0));
  if (await asked(() => lane.call<number>(remote.freeze, domain, null, 0, 0))) return true;
  // Some of them may be frozen, now or since an earlier try.
  await thawed(lane, domain);
  return false;
}

export async function freezeDomain(lane: Lane, uuid: string): Promise<Outcome<Stillness>> {
  const before = await find(lane, uuid);
  if (before === null) return refused(NO_DOMAIN);
  if (before.info.state === 'paused') return done('paused');
  if (before.info.state !== 'running') return refused(`${before.info.name} is ${before.info.state}, not running`);
  try {
    const how = await withDomain(lane, uuid, async (domain): Promise<Stillness> => {
      if (await frozenByAgent(lane, domain)) return 'agent';
      await lane.call<number>(remote.suspend, domain);
      return 'paused';
    });
    return how === null ? refused(NO_DOMAIN) : done(how);
  } catch (error) {
    return failed(error);
  }
}

export async function thawDomain(lane: Lane, uuid: string): Promise<Outcome<null>> {
  const before = await find(lane, uuid);
  if (before === null) return refused(NO_DOMAIN);
  try {
    const over = await withDomain(lane, uuid, async (domain) => {
      if (before.info.state === 'paused') await lane.call<number>(remote.resume, domain);
      // Nothing is frozen, as a rule: the agent says so.
      if (await hasAgent(lane, domain)) await thawed(lane, domain);
      return true;
    });
    return over === null ? refused(NO_DOMAIN) : done(null);
  } catch (error) {
    return failed(error);
  }
}

/**
 * This cluster's floating addresses, held by the primary on its three networks. Holding and releasing
 * are idempotent; a new holder tells the neighbours by gratuitous ARP, so that nobody waits for a
 * cache to age. The kernel drops the addresses with the boot, not with the daemon: release at start.
 */
import type { NetworkConfig, PvcConfig } from '../config.js';
import { runProgram } from '../process.js';
import { done, refused, unknown, type Outcome } from './outcome.js';

export interface Addresses {
  /** done = every floating address is on its interface here; it is being announced (about a second). */
  hold(): Promise<Outcome<null>>;
  /** done = no floating address is on its interface here. */
  release(): Promise<Outcome<null>>;
}

const IP_DEADLINE_MS = 2000;
const ANNOUNCE_DEADLINE_MS = 3000;

interface Floating {
  readonly device: string;
  /** With its prefix. */
  readonly address: string;
}

/** `ip addr add|del`; the state wanted being there already is done. */
async function change(verb: 'add' | 'del', { device, address }: Floating): Promise<Outcome<null>> {
  const result = await runProgram('ip', ['-4', 'addr', verb, address, 'dev', device], { deadlineMs: IP_DEADLINE_MS });
  if (result.status === 0) return done(null);
  const already = verb === 'add' ? /File exists|already assigned/i : /Cannot assign requested address|not found/i;
  if (already.test(result.stderr)) return done(null);
  const reason = `ip addr ${verb} ${address} dev ${device}: ${result.stderr.trim() || 'no answer'}`;
  return result.status === null ? unknown(reason) : refused(reason);
}

/**
 * Unsolicited ARP from the address itself. Without arping the first packet to an unknown neighbour has
 * to do: its ARP request is a broadcast that carries the new owner's hardware address.
 */
async function announce({ device, address }: Floating, anyNeighbour: string): Promise<void> {
  const plain = address.split('/', 1)[0] ?? address;
  const deadlineMs = ANNOUNCE_DEADLINE_MS;
  const result = await runProgram('arping', ['-q', '-U', '-c', '2', '-w', '2', '-I', device, plain], { deadlineMs });
  // arping -U has no answer to wait for: its exit status says nothing, only its absence does.
  if (result.status !== null || result.timedOut) return;
  await runProgram('ping', ['-n', '-q', '-c', '1', '-W', '1', '-I', plain, anyNeighbour], { deadlineMs });
}

const worst = (outcomes: readonly Outcome<null>[]): Outcome<null> =>
  outcomes.find((each) => each.kind === 'unknown') ?? outcomes.find((each) => each.kind === 'refused') ?? done(null);

/** The host before the last of a network is hardly ever anybody's, so that the kernel must ask for it aloud. */
function farNeighbour(network: NetworkConfig): string {
  const [base = '', prefix = '24'] = network.networkAddress.split('/');
  const number = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + 2 ** (32 - Number(prefix)) - 3;
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

export function createAddresses(config: Pick<PvcConfig, 'networks'>): Addresses {
  const networks = Object.values(config.networks).filter((each) => each.floatingAddress !== null);
  const floating = networks.map((each) => ({
    device: each.device, address: each.floatingAddress ?? '', neighbour: farNeighbour(each),
  }));
  return {
    hold: async () => worst(await Promise.all(floating.map(async (each) => {
      const added = await change('add', each);
      if (added.kind === 'done') void announce(each, each.neighbour);
      return added;
    }))),
    release: async () => worst(await Promise.all(floating.map((each) => change('del', each)))),
  };
}

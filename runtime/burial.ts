/** Burial: a removed actor's znodes go, and what still lay in its mailbox is answered or parked (last-mail.ts). */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import { decodeRecord } from './codec.js';
import { lastMail } from './last-mail.js';
import type { Log } from './log.js';
import type { Paths } from './paths.js';
import { StoreError, type Store, type StoreOp } from './store.js';
import { tombOps } from './tombs.js';

/**
 * Takes a removed actor's znodes away; null = it lives, none = it is gone. The versions hold it to the very actor that
 * was removed: one that was born there since is not touched. A mailbox with more letters than one multi holds is
 * emptied first. Rejects (StoreError) when the store is out of reach, or the actor was buried meanwhile.
 */
export async function burialOps(
  store: Store, paths: Paths, clock: Pick<Clock, 'wallMs'>, address: Address,
): Promise<readonly StoreOp[] | null> {
  for (;;) {
    const [owner, record, mail] = await Promise.all([
      store.read(paths.owner(address)), store.read(paths.record(address)), store.children(paths.mailbox(address)),
    ]);
    if (record === null || owner === null) return [];
    if (!decodeRecord(record.data).removed) return null;
    const { operations, all } = await lastMail(store, paths, address, mail?.names ?? [], clock.wallMs());
    if (all) {
      return [
        ...tombOps(paths, clock, address, record), ...operations,
        { op: 'delete', path: paths.mailbox(address), version: 'any' },
        { op: 'delete', path: paths.record(address), version: record.stat.version },
        { op: 'delete', path: paths.owner(address), version: owner.stat.version },
        { op: 'delete', path: paths.actor(address), version: 'any' },
      ];
    }
    const result = await store.multi([
      { op: 'check', path: paths.record(address), version: record.stat.version }, ...operations,
    ]);
    if (result.kind !== 'done') throw new StoreError('other', `the mailbox of ${address} could not be emptied`);
  }
}

interface BurialDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
}

/** Takes a removed actor's znodes away. What a crash or a late letter left is taken at the next look. Never rejects. */
export async function bury({ store, paths, clock, log }: BurialDeps, address: Address): Promise<void> {
  try {
    const operations = await burialOps(store, paths, clock, address);
    if (operations === null || operations.length === 0) return;
    const result = await store.multi(operations);
    if (result.kind !== 'done') log.debug('a removed actor was not buried yet', { actor: address, result });
  } catch (error) {
    log.debug('a removed actor was not buried yet', { actor: address, error });
  }
}

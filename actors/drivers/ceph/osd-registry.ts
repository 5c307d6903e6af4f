/** What the monitors and the manager are told and asked of an OSD: one mon command each, all repeatable. */
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { CephConnection, CommandTarget } from './connection.js';
import { unlessAway } from './failure.js';
import { fieldsOf, listOf, numberOf, textOf } from './osds-reading.js';

type Command = Readonly<Record<string, string | number | boolean | readonly string[]>>;

interface Entry { readonly number: number; readonly up: boolean; readonly in: boolean; readonly destroyed: boolean }

/** Of an OSD that was purged while the monitors were about to write down its boot: its entry stays, without a uuid. */
const NO_UUID = '00000000-0000-0000-0000-000000000000';

/** Placement groups that still need an OSD, where Ceph does not say how many. */
const MANY = 1_000_000;

export class OsdRegistry {
  constructor(private readonly ceph: CephConnection) {}

  /** The output of a command; what Ceph refused is refused. */
  async ask(command: Command, deadlineMs: number, target: CommandTarget = 'mon'): Promise<Outcome<unknown>> {
    const answer = unlessAway(await this.ceph.command({ command, target, deadlineMs }));
    return answer.kind === 'done' ? done(answer.value.output) : answer;
  }

  async register(uuid: string, number: number | null, deadlineMs: number): Promise<Outcome<{ number: number }>> {
    const command = { prefix: 'osd new', uuid, ...(number === null ? {} : { id: number }) };
    const answer = await this.ask(command, deadlineMs);
    if (answer.kind !== 'done') return answer;
    const output = answer.value;
    const given = typeof output === 'object' ? fieldsOf(output)['osdid'] : Number(String(output).trim());
    const found = numberOf(given);
    return Number.isInteger(given) ? done({ number: found }) : unknown(`Ceph gave no number: ${String(output)}`);
  }

  async key(number: number, deadlineMs: number): Promise<Outcome<string>> {
    const caps = ['mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *'];
    const answer = await this.ask({ prefix: 'auth get-or-create', entity: `osd.${number}`, caps }, deadlineMs);
    if (answer.kind !== 'done') return answer;
    const key = textOf(listOf(answer.value)[0]?.['key']);
    return key === '' ? unknown(`Ceph gave no key for osd.${number}`) : done(key);
  }

  weigh(number: number, node: string, weight: number, deadlineMs: number): Promise<Outcome<null>> {
    const args = ['root=default', `host=${node}`];
    return this.tell({ prefix: 'osd crush add', id: number, weight, args }, deadlineMs);
  }

  async look(uuid: string, deadlineMs: number): Promise<Outcome<{ known: boolean; up: boolean; in: boolean }>> {
    const found = await this.find(uuid, deadlineMs);
    if (found.kind !== 'done') return found;
    return done({ known: found.value !== null, up: found.value?.up === true, in: found.value?.in === true });
  }

  mark(number: number, inside: boolean, deadlineMs: number): Promise<Outcome<null>> {
    return this.tell({ prefix: inside ? 'osd in' : 'osd out', ids: [String(number)] }, deadlineMs);
  }

  down(number: number, deadlineMs: number): Promise<Outcome<null>> {
    return this.tell({ prefix: 'osd down', ids: [String(number)] }, deadlineMs);
  }

  async drain(number: number, deadlineMs: number): Promise<Outcome<{ safe: boolean; pgs: number; text: string }>> {
    const answer = await this.ask({ prefix: 'osd safe-to-destroy', ids: [String(number)] }, deadlineMs, 'mgr');
    if (answer.kind === 'unknown') return answer;
    if (answer.kind === 'done') return done({ safe: true, pgs: 0, text: 'nothing needs it' });
    if (!/^E(BUSY|AGAIN)/.test(answer.reason)) return answer;
    const text = answer.reason.replace(/^\w+: /, '');
    return done({ safe: false, pgs: Number(/(\d+) pgs/.exec(text)?.[1] ?? MANY), text });
  }

  /** May it stop, and those of these uuids with it? */
  async judge(
    number: number, siblings: readonly string[], deadlineMs: number,
  ): Promise<Outcome<{ safe: boolean; text: string }>> {
    const dump = siblings.length < 2 ? done({}) : await this.ask({ prefix: 'osd dump' }, deadlineMs);
    if (dump.kind !== 'done') return dump;
    const together = listOf(fieldsOf(dump.value)['osds'])
      .filter((each) => siblings.includes(textOf(each['uuid']))).map((each) => numberOf(each['osd']));
    const ids = [...new Set([number, ...together])].map(String);
    const answer = await this.ask({ prefix: 'osd ok-to-stop', ids }, deadlineMs, 'mgr');
    if (answer.kind === 'unknown') return answer;
    if (answer.kind === 'done') return done({ safe: true, text: 'every placement group stays available' });
    if (!/^E(BUSY|AGAIN)/.test(answer.reason)) return answer;
    return done({ safe: false, text: answer.reason.replace(/^\w+: /, '') });
  }

  async purge(uuid: string, known: number | null, deadlineMs: number): Promise<Outcome<null>> {
    const found = await this.find(uuid, deadlineMs, known);
    if (found.kind !== 'done') return found;
    if (found.value === null) return done(null);
    const { number } = found.value;
    // The mon's own command: the manager's `osd purge` asks it after a look of its own, and may be dead.
    const told = await this.tell({ prefix: 'osd purge-actual', id: number, yes_i_really_mean_it: true }, deadlineMs);
    if (told.kind !== 'done') return told;
    const left = await this.find(uuid, deadlineMs, number);
    if (left.kind !== 'done') return left;
    return left.value === null ? done(null) : unknown(`Ceph has purged OSD ${number}, and still knows it`);
  }

  async destroy(uuid: string, number: number, deadlineMs: number): Promise<Outcome<null>> {
    const found = await this.find(uuid, deadlineMs, number);
    if (found.kind !== 'done') return found;
    if (found.value === null || found.value.number !== number) return refused(`Ceph has no OSD ${number} of ${uuid}`);
    if (found.value.destroyed) return done(null);
    return this.tell({ prefix: 'osd destroy-actual', id: number, yes_i_really_mean_it: true }, deadlineMs);
  }

  private async tell(command: Command, deadlineMs: number): Promise<Outcome<null>> {
    const answer = await this.ask(command, deadlineMs);
    return answer.kind === 'done' ? done(null) : answer;
  }

  /** By its uuid; one that was destroyed, or half purged, has none any more, and is known by the number it had. */
  private async find(uuid: string, deadlineMs: number, kept: number | null = null): Promise<Outcome<Entry | null>> {
    const dump = await this.ask({ prefix: 'osd dump' }, deadlineMs);
    if (dump.kind !== 'done') return dump;
    const osds = listOf(fieldsOf(dump.value)['osds']);
    const isDestroyed = (osd: Readonly<Record<string, unknown>>): boolean =>
      Array.isArray(osd['state']) && (osd['state'] as unknown[]).includes('destroyed');
    const osd = osds.find((each) => each['uuid'] === uuid)
      ?? osds.find((each) => each['osd'] === kept && (isDestroyed(each) || each['uuid'] === NO_UUID));
    if (osd === undefined) return done(null);
    return done({
      number: numberOf(osd['osd']), up: osd['up'] === 1, in: osd['in'] === 1, destroyed: isDestroyed(osd),
    });
  }
}

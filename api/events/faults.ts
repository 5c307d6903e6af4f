/** Faults of the storage as events: opened and closed, by what its record says is open. */
import { cephContext } from '../../machines/ceph/admission.js';
import { faultsOf } from '../../machines/ceph/changes.js';
import { REPORTERS } from '../../machines/ceph/messages.js';
import type { LightRecord } from '../../runtime/feed-light.js';
import type { Feed } from '../../runtime/feed-types.js';
import { CEPH_ADDRESS } from '../views/faults.js';

export interface FaultNews {
  readonly id: string;
  readonly type: 'present' | 'opened' | 'closed';
  readonly data: Readonly<Record<string, unknown>>;
}

const idsOf = (record: Pick<LightRecord, 'snapshot'>): readonly string[] =>
  String(record.snapshot.context['open'] ?? '').split(' ').filter((id) => id !== '');

export class FaultTeller {
  private open: readonly string[];

  constructor(private readonly feed: Feed) {
    const actor = feed.actor(CEPH_ADDRESS);
    this.open = actor === null ? [] : idsOf(actor.record);
  }

  /** What is news in this record of `ceph/cluster`; each record once, in order. */
  news(record: LightRecord): FaultNews[] {
    const now = record.removed ? [] : idsOf(record);
    const [before, after] = [new Set(this.open), new Set(now)];
    this.open = now;
    return [
      ...[...after].filter((id) => !before.has(id)).map((id) => this.told(id, 'opened')),
      ...[...before].filter((id) => !after.has(id)).map((id) => this.told(id, 'closed')),
    ];
  }

  present(): FaultNews[] {
    const actor = this.feed.actor(CEPH_ADDRESS);
    return actor === null || actor.record.removed ? [] : idsOf(actor.record).map((id) => this.told(id, 'present'));
  }

  /** With what the present record says of it; one that is closed again by now has its id only. */
  private told(id: string, type: FaultNews['type']): FaultNews {
    const actor = this.feed.actor(CEPH_ADDRESS);
    const fault = actor === null ? undefined
      : faultsOf(cephContext(actor.record.snapshot)).find((each) => each.id === id);
    return {
      id, type, data: {
        id, severity: fault?.severity ?? null, health_delta: fault?.delta ?? null, text: fault?.text ?? null,
        cure: fault?.cure ?? null, since: fault?.since ?? null,
        source: fault === undefined ? null : REPORTERS[fault.reporter],
      },
    };
  }
}

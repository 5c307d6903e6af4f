/** How the faults of the storage open, change and close. Pure. */
import { unheard } from './findings.js';
import {
  faultKey, type CephCommand, type CephContext, type CephFact, type CephFault, type Finding, type Reporter,
} from './messages.js';
import { FLAPS_MAX, SILENT_AFTER_MS } from './timing.js';

export type CephHealth = 'unknown' | 'ok' | 'warning' | 'error' | 'silent';

type Faults = Readonly<Record<string, CephFault>>;
type Change = Partial<CephContext>;

export const faultsOf = ({ faults }: Pick<CephContext, 'faults'>): CephFault[] => Object.values(faults);

export const doesFlap = ({ flaps }: Pick<CephFault, 'flaps'>): boolean => flaps >= FLAPS_MAX;

export function healthOf(context: CephContext): CephHealth {
  if (context.silent) return 'silent';
  if (!context.heard) return 'unknown';
  const faults = faultsOf(context);
  if (faults.some(({ severity }) => severity === 'error')) return 'error';
  return faults.length > 0 ? 'warning' : 'ok';
}

/** Some fault waits to be closed. */
export const isSettling = (context: CephContext): boolean => faultsOf(context).some(({ absent }) => absent);

/** All faults that wait to be closed flap. */
export const isCalming = (context: CephContext): boolean =>
  faultsOf(context).every((fault) => !fault.absent || doesFlap(fault));

const withFaults = (faults: Faults): Pick<CephContext, 'faults' | 'open'> => ({
  faults, open: Object.values(faults).map(({ id }) => id).sort().join(' '),
});

/** One that was known: it goes on. What got worse is no longer acknowledged. */
function again(known: CephFault, finding: Finding, at: number): CephFault {
  const isWorse = finding.delta > known.delta;
  return {
    ...known, ...finding, toldAt: at, absent: false, acknowledgedAt: isWorse ? null : known.acknowledgedAt,
    flaps: Math.min(FLAPS_MAX, known.flaps + (known.absent ? 1 : 0)),
  };
}

const opened = (context: CephContext, reporter: Reporter, finding: Finding, at: number): CephFault => ({
  ...finding, reporter, since: at, toldAt: at, acknowledgedAt: null, absent: false,
  flaps: Math.min(FLAPS_MAX, context.closings[faultKey(reporter, finding.code)] ?? 0),
});

function found(context: CephContext, reporter: Reporter, findings: readonly Finding[], at: number): Faults {
  const next: Record<string, CephFault> = { ...context.faults };
  const present = new Set(findings.map(({ code }) => faultKey(reporter, code)));
  for (const finding of findings) {
    const key = faultKey(reporter, finding.code);
    const known = context.faults[key];
    next[key] = known === undefined ? opened(context, reporter, finding, at) : again(known, finding, at);
  }
  for (const [key, fault] of Object.entries(context.faults)) {
    if (fault.reporter === reporter && !present.has(key) && !fault.absent) {
      next[key] = { ...fault, absent: true, toldAt: at };
    }
  }
  return next;
}

/** A fact's outcome. */
export function told(context: CephContext, fact: CephFact & { readonly at: number }): Change {
  if (fact.type === 'ceph.silent') {
    // The other faults of Ceph stay as they were: nobody knows.
    const key = faultKey('ceph', 'UNHEARD');
    const known = context.faults[key];
    const finding = unheard(fact.reason, SILENT_AFTER_MS);
    const fault = known === undefined ? opened(context, 'ceph', finding, fact.at) : again(known, finding, fact.at);
    return { silent: true, ...withFaults({ ...context.faults, [key]: fault }) };
  }
  const { reporter, findings, at, fsid } = fact;
  const answers = reporter === 'ceph' ? { heard: true, silent: false, fsid: fsid ?? context.fsid } : {};
  return { ...answers, ...withFaults(found(context, reporter, findings, at)) };
}

/** A command's outcome. */
export function commanded(context: CephContext, command: CephCommand & { readonly at: number }): Change {
  const isMeant = ({ id }: CephFault): boolean => command.fault === null || command.fault === id;
  const entries = Object.entries(context.faults);
  if (command.type === 'ceph.forget') {
    return withFaults(Object.fromEntries(entries.filter(([, fault]) => !isMeant(fault))));
  }
  return withFaults(Object.fromEntries(entries.map(([key, fault]) => [
    key, isMeant(fault) && fault.acknowledgedAt === null ? { ...fault, acknowledgedAt: command.at } : fault,
  ])));
}

/** The time of those that wait has passed: those that flap wait until only such wait. */
export function closed(context: CephContext): Change {
  const all = isCalming(context);
  const entries = Object.entries(context.faults);
  const over = entries.filter(([, fault]) => fault.absent && (all || !doesFlap(fault)));
  const keys = new Set(over.map(([key]) => key));
  const closings = { ...context.closings };
  for (const key of keys) closings[key] = Math.min(FLAPS_MAX, (closings[key] ?? 0) + 1);
  return { closings, ...withFaults(Object.fromEntries(entries.filter(([key]) => !keys.has(key)))) };
}

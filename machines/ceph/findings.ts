/** From what was read to findings: of Ceph's own checks, of the storage fence's preflight. Pure. */
import { cureOf } from './cures.js';
import type { Finding } from './messages.js';
import type { CephCheck, CephTelemetry } from './telemetry.js';
import { FINDINGS_MAX, TEXT_MAX } from './timing.js';

/** What each takes off the cluster's health, as in PVC; a notice as our own warnings of what is not broken yet. */
export const FAULT_DELTAS = { notice: 5, warning: 10, error: 50 } as const;
const OSD_OUT_DELTA = 50;

/** Checks whose details name the things in a few words. */
const NAMED = new Set([
  'OSD_DOWN', 'OSD_HOST_DOWN', 'OSD_FULL', 'OSD_NEARFULL', 'MON_DOWN', 'MON_CLOCK_SKEW', 'POOL_FULL', 'POOL_NEAR_FULL',
]);
const DETAILS = 3;

const short = (text: string): string => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 3)}...` : text);

function checkText({ code, summary, detail }: CephCheck): string {
  const named = NAMED.has(code) ? detail.slice(0, DETAILS) : [];
  const more = named.length < detail.length && named.length > 0 ? ' ...' : '';
  return short(`${code}: ${summary}${named.length === 0 ? '' : ` (${named.join('; ')}${more})`}`);
}

function checkFinding(check: CephCheck): Finding {
  const isError = check.severity === 'HEALTH_ERR';
  const severity = isError ? 'error' : 'warning';
  return {
    code: check.code, id: `CEPH_${isError ? 'ERR' : 'WARN'}_${check.code}`, severity, delta: FAULT_DELTAS[severity],
    text: checkText(check), cure: cureOf(check.code),
  };
}

/** Worst first, and no more than a record should hold. */
export function bounded(findings: readonly Finding[]): Finding[] {
  const sorted = [...findings].sort((a, b) => b.delta - a.delta || (a.code < b.code ? -1 : 1));
  if (sorted.length <= FINDINGS_MAX) return sorted;
  const rest = sorted.length - FINDINGS_MAX + 1;
  return [...sorted.slice(0, FINDINGS_MAX - 1), {
    code: 'MORE', id: 'CEPH_WARN_MORE', severity: 'warning', delta: FAULT_DELTAS.warning,
    text: `${rest} more faults are not named here`, cure: 'See "ceph health detail" and "pvc storage osd list".',
  }];
}

/** What Ceph complains of, and OSDs that are out. What a person muted in Ceph is left out. */
export function cephFindings({ health, osds }: CephTelemetry): Finding[] {
  const checks = health.checks.filter(({ muted }) => !muted).map(checkFinding);
  const out = osds.filter((osd) => !osd.in).map(({ number }): Finding => ({
    code: `OSD_OUT_${number}`, id: `CEPH_OSD_OUT_${number}`, severity: 'warning', delta: OSD_OUT_DELTA,
    text: `OSD ${number} is marked out`,
    cure: `If it may hold data again: "pvc storage osd in ${number}"; else "pvc storage osd remove ${number}".`,
  }));
  return bounded([...checks, ...out]);
}

const UNHEARD_DELTA = 25;
/** Ceph does not answer, for so long, milliseconds. */
export const unheard = (reason: string, forMs: number): Finding => ({
  code: 'UNHEARD', id: 'CEPH_UNHEARD', severity: 'error', delta: UNHEARD_DELTA,
  text: short(`Nothing was heard of Ceph for ${Math.round(forMs / 1000)} s: ${reason}`),
  cure: 'See whether more than half of the monitors run and reach each other on the storage network '
    + '("systemctl status ceph-mon@$(hostname -s)" on the coordinators).',
});

/** What a node says would spoil its storage fence. */
export interface FenceFlaw { readonly key: string; readonly text: string; readonly cure: string }

/** Of all nodes together: what several say alike is one finding. */
export function fenceFindings(flaws: readonly (FenceFlaw & { readonly node: string })[]): Finding[] {
  const byText = new Map<string, { readonly flaw: FenceFlaw; readonly nodes: string[] }>();
  for (const { node, ...flaw } of flaws) {
    const known = byText.get(`${flaw.key} ${flaw.text}`);
    if (known === undefined) byText.set(`${flaw.key} ${flaw.text}`, { flaw, nodes: [node] });
    else known.nodes.push(node);
  }
  // One code a finding: of the same kind with another text, the nodes are part of it.
  const codes = new Set<string>();
  return bounded([...byText.values()].map(({ flaw: { key, text, cure }, nodes }): Finding => {
    const code = codes.has(key) ? `${key}-${nodes[0] ?? ''}` : key;
    codes.add(code);
    const id = `STORAGE_${code.toUpperCase().replaceAll('-', '_')}`;
    return {
      code, id, severity: 'warning', delta: FAULT_DELTAS.warning, text: short(`${text} (${nodes.sort().join(', ')})`),
      cure,
    };
  }));
}

/** Something that Ceph and the records do not agree about. `what` is part of the code: letters, digits, `_`, `/`. */
export function driftFinding(
  what: string, text: string, cure: string, names: readonly string[] = [],
): Finding {
  return {
    code: what, id: `STORAGE_DRIFT_${what.toUpperCase()}`, severity: 'notice', delta: FAULT_DELTAS.notice,
    text: short(text), cure, names,
  };
}

/** OSDs that Ceph and the records do not agree about, as faults with cures. Pure. */
import { driftFinding } from '../machines/ceph/findings.js';
import type { Finding } from '../machines/ceph/messages.js';
import type { CephOsdStats } from '../machines/ceph/telemetry.js';

/** Ceph has it, and no node of ours does. */
export const foreignOsd = ({ number, host }: CephOsdStats): Finding => driftFinding(`OSD_FOREIGN_${number}`,
  host === null ? `OSD ${number} is in Ceph, has never started, and no node has a record of it`
    : `OSD ${number} is on host ${host}, which is none of this cluster's nodes`,
  host === null ? `If it is a leftover: "ceph osd purge ${number} --yes-i-really-mean-it"; else start its daemon.`
    : 'PVC neither shows its disk nor changes it: move it to a node, or name that host in the nodes of pvc.conf.');

/** Ceph has it on a node of ours, which could not be given its record so far. */
export const orphanOsd = ({ number, host }: CephOsdStats): Finding => driftFinding(`OSD_ORPHAN_${number}`,
  `OSD ${number} is in Ceph, and PVC has no record of it yet: node ${host ?? ''} is to take it up`,
  `Start node ${host ?? ''}, or see what its pvcd says: it takes the OSD up by itself.`);

/** There is a record of it, and Ceph has no such OSD. */
export const vanishedOsd = (number: number, node: string): Finding => driftFinding(`OSD_GONE_${number}`,
  `OSD ${number} of node ${node} went from Ceph, and not by PVC`,
  `Remove it from PVC as well ("pvc storage osd remove ${number}") and add its disk anew.`);

/**
 * What an administrator does about each of Ceph's health checks, one sentence each. Codes and causes: Ceph's
 * documentation, "Health checks" (16 to 18).
 */
export const HEALTH_CHECKS_URL = 'https://docs.ceph.com/en/latest/rados/operations/health-checks/';

const DISK_OR_DAEMON = '"pvc storage osd list" tells which and where: start its node, or "systemctl restart '
  + 'ceph-osd@<id>" there; if its disk is broken, "pvc storage osd replace".';
const SPACE = 'Remove volumes or snapshots that nobody needs, or add OSDs ("pvc storage osd add"); '
  + '"pvc storage util" tells where the space is.';
const RECOVERS = 'It mends itself once all OSDs are up and in: see what other faults say of OSDs; "pvc storage status" '
  + 'tells how far it is. A pool that keeps more copies than nodes have OSDs ("pvc storage pool list") stays so.';
const DAMAGED = '"ceph health detail" names the placement group: "ceph pg repair <pg>"; if it comes back, replace the '
  + 'OSD whose disk gives wrong data.';
const SCRUBS = 'Let scrubbing run: no flag noscrub or nodeep-scrub, and OSDs that are not overloaded; '
  + '"ceph pg deep-scrub <pg>" for one by hand.';
const PG_COUNT = '"pvc storage pool set-pgs" changes it, or switch the autoscaler on: '
  + '"ceph osd pool set <pool> pg_autoscale_mode on".';
const NETWORK = 'Look at the storage network between the hosts that "ceph health detail" names: cables, switch, MTU.';
const BLUESTORE = '"ceph health detail" names the OSD: mark it out, and when its data are elsewhere make it anew '
  + '("pvc storage osd replace").';
const INSECURE = 'Update all clients of Ceph, then "ceph config set mon auth_allow_insecure_global_id_reclaim false".';

export const CURES: Readonly<Record<string, string>> = {
  OSD_DOWN: DISK_OR_DAEMON,
  OSD_HOST_DOWN: 'All OSDs of that host are down: start the node, or look at its storage network.',
  OSD_ROOT_DOWN: 'All OSDs are down: look at the storage network first, then start the nodes.',
  OSD_ORPHAN: 'It is in the CRUSH map and does not exist: "ceph osd crush rm osd.<id>".',
  OSD_FULL: `Nothing can be written until there is space. ${SPACE}`,
  OSD_BACKFILLFULL: SPACE,
  OSD_NEARFULL: SPACE,
  OSD_OUT_OF_ORDER_FULL: 'Set them in order: "ceph osd set-nearfull-ratio", "set-backfillfull-ratio", '
    + '"set-full-ratio".',
  OSD_SLOW_PING_TIME_BACK: NETWORK,
  OSD_SLOW_PING_TIME_FRONT: NETWORK,
  OSD_SCRUB_ERRORS: DAMAGED,
  OSD_TOO_MANY_REPAIRS: 'Its disk gives wrong data again and again: "pvc storage osd replace".',
  OSD_NO_DOWN_OUT_INTERVAL: '"ceph config set mon mon_osd_down_out_interval 600": otherwise nothing is rebuilt.',
  OSD_FLAGS: '"ceph osd unset-group <flags> <who>" when the work they were set for is over.',
  OSDMAP_FLAGS: 'When the work they were set for is over: "pvc storage osd unset <flag>".',
  OSD_FILESTORE: 'Make these OSDs anew, one after the other: "pvc storage osd replace".',
  OSD_UNREACHABLE: NETWORK,
  MON_DOWN: 'Start its coordinator, or "systemctl restart ceph-mon@<name>" there; see that it reaches the others on '
    + 'the storage network.',
  MON_CLOCK_SKEW: 'Let the coordinators have one time: "timedatectl" and chrony or systemd-timesyncd on each.',
  MON_DISK_LOW: 'Make space in /var/lib/ceph/mon of that coordinator: at 5 % left its monitor stops.',
  MON_DISK_CRIT: 'Make space in /var/lib/ceph/mon of that coordinator at once: its monitor stops.',
  MON_DISK_BIG: '"ceph tell mon.<name> compact"; it grows while placement groups are not clean.',
  MON_MSGR2_NOT_ENABLED: '"ceph mon enable-msgr2".',
  MGR_DOWN: 'Start a manager: "systemctl restart ceph-mgr@<name>" on a coordinator; figures stand still meanwhile.',
  MGR_MODULE_ERROR: '"ceph health detail" names the module: "ceph mgr module disable" it, or "ceph mgr fail".',
  MGR_MODULE_DEPENDENCY: 'Install what "ceph health detail" says is missing on the managers\' nodes.',
  PG_AVAILABILITY: `Some data cannot be reached until enough of their OSDs are up. ${DISK_OR_DAEMON}`,
  PG_DEGRADED: RECOVERS,
  PG_DEGRADED_FULL: SPACE,
  PG_RECOVERY_FULL: SPACE,
  PG_BACKFILL_FULL: SPACE,
  PG_DAMAGED: DAMAGED,
  PG_NOT_SCRUBBED: SCRUBS,
  PG_NOT_DEEP_SCRUBBED: SCRUBS,
  PG_SLOW_SNAP_TRIMMING: 'Fewer snapshots at a time, or faster OSDs; look for OSDs with slow operations.',
  OBJECT_MISPLACED: RECOVERS,
  OBJECT_UNFOUND: 'Bring back every OSD that was lost: the only copies are there. To give them up for good: '
    + '"ceph pg <pg> mark_unfound_lost".',
  SLOW_OPS: '"ceph health detail" names the daemons: look for a dying disk ("smartctl") or a slow storage network '
    + 'there; "ceph daemon osd.<id> dump_ops_in_flight" tells what waits.',
  POOL_FULL: 'Guests of this pool wait with their writes: raise its quota ("ceph osd pool set-quota <pool> max_bytes '
    + '<n>", 0 = none) or remove volumes; they then go on.',
  POOL_NEAR_FULL: 'Raise its quota ("ceph osd pool set-quota <pool> max_bytes <n>", 0 = none) or remove volumes.',
  POOL_NEARFULL: SPACE,
  POOL_BACKFILLFULL: SPACE,
  POOL_NO_REDUNDANCY: 'It has one copy of everything: "ceph osd pool set <pool> size 3" (and min_size 2).',
  POOL_APP_NOT_ENABLED: '"ceph osd pool application enable <pool> rbd" (or what it is for).',
  POOL_TOO_FEW_PGS: PG_COUNT,
  POOL_TOO_MANY_PGS: PG_COUNT,
  TOO_FEW_PGS: PG_COUNT,
  TOO_MANY_PGS: PG_COUNT,
  POOL_PG_NUM_NOT_POWER_OF_TWO: PG_COUNT,
  MANY_OBJECTS_PER_PG: PG_COUNT,
  SMALLER_PGP_NUM: '"ceph osd pool set <pool> pgp_num <its pg_num>".',
  POOL_TARGET_SIZE_BYTES_OVERCOMMITTED: '"ceph osd pool set <pool> target_size_bytes 0".',
  TOO_FEW_OSDS: 'Add OSDs ("pvc storage osd add"): fewer than the copies that pools should have.',
  LARGE_OMAP_OBJECTS: '"ceph health detail" names the pool; with RBD it is harmless unless it grows.',
  BLUEFS_SPILLOVER: 'Its database outgrew its DB device: give it a larger one ("pvc storage osd replace").',
  BLUEFS_AVAILABLE_SPACE: BLUESTORE,
  BLUEFS_LOW_SPACE: BLUESTORE,
  BLUESTORE_FRAGMENTATION: BLUESTORE,
  BLUESTORE_LEGACY_STATFS: '"ceph-bluestore-tool repair" on each OSD while it is stopped.',
  BLUESTORE_NO_PER_POOL_OMAP: '"ceph-bluestore-tool repair" on each OSD while it is stopped.',
  BLUESTORE_NO_PER_PG_OMAP: '"ceph-bluestore-tool repair" on each OSD while it is stopped.',
  BLUESTORE_DISK_SIZE_MISMATCH: BLUESTORE,
  BLUESTORE_NO_COMPRESSION: BLUESTORE,
  BLUESTORE_SPURIOUS_READ_ERRORS: BLUESTORE,
  DEVICE_HEALTH: 'The disk says that it will fail soon: "pvc storage osd replace" before it does.',
  DEVICE_HEALTH_IN_USE: 'The disk will fail soon and still holds data: mark its OSD out and wait.',
  DEVICE_HEALTH_TOOMANY: 'Many disks will fail soon: replace them one after the other, in the order of their risk.',
  AUTH_INSECURE_GLOBAL_ID_RECLAIM: INSECURE,
  AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED: INSECURE,
  AUTH_BAD_CAPS: '"ceph health detail" names the user: mend its caps with "ceph auth caps".',
  RECENT_CRASH: '"ceph crash ls" and "ceph crash info <id>" tell what died; "ceph crash archive-all" once it is read.',
  RECENT_MGR_MODULE_CRASH: '"ceph crash ls" tells which module; "ceph crash archive-all" once it is read.',
  DAEMON_OLD_VERSION: 'End the upgrade: restart the daemons that still run the old version, monitors first.',
  OLD_CRUSH_TUNABLES: '"ceph osd crush tunables optimal"; data will move.',
  OLD_CRUSH_STRAW_CALC_VERSION: '"ceph osd crush set-tunable straw_calc_version 1".',
  TELEMETRY_CHANGED: '"ceph telemetry on" or "off".',
};

/** Of a check that is not in the table. */
export const cureOf = (code: string): string =>
  CURES[code] ?? `"ceph health detail" tells more of it; ${HEALTH_CHECKS_URL} explains it.`;

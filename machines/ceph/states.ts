/** What each state of the storage's health means, for help, inspector and denials. */
export const CEPH_STATES = {
  health: 'How Ceph is, by the faults that are open.',
  'health.unknown': 'Ceph was not heard of yet.',
  'health.ok': 'Ceph answers, and nothing is wrong.',
  'health.warning': 'A fault is open; data can be read and written.',
  'health.error': 'A fault is open by which data are in danger, or cannot be written.',
  'health.silent': 'Ceph does not answer: what is known of it is history.',
  closing: 'Whether a fault waits to be closed.',
  'closing.still': 'No fault waits.',
  'closing.settling': 'A fault is not found any more; it is closed if it stays away.',
  'closing.remembering': 'A fault was closed; if it comes back soon and often, it flaps and stays open for longer.',
} as const satisfies Record<string, string>;

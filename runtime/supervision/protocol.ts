/**
 * The words between a supervisor and its children.
 * To a child, on the control lane: `supervision.begin {life, input, keep}`, `supervision.stop {life}`,
 * `supervision.kill {life}`, `supervision.remove`. To the parent: `child.started`, `child.ready {info}`,
 * `child.exited {reason, detail}`, `child.refused {detail}`, each with `address` and `life`.
 * A machine says `supervision.ready {info}` by an action, and may react to the event `shutdown`.
 */

/** Actions that are the lifecycle's own, whatever commit effects a daemon knows. */
export const LIFECYCLE_EFFECTS: ReadonlySet<string> = new Set(['child.start', 'supervision.ready']);

/** Letters to a supervisor about its children: of no use to one that has exited. */
export const isChildNews = (type: string): boolean => type.startsWith('child.');

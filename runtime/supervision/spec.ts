/**
 * What a supervisor is told: its flags and its child specs, validated field by field. Words, defaults and rules are
 * OTP's (supervisor(3)); what is added: `kind`, `address`, `node`, `ready`, `keep`, `backoff`, `startDeadlineMs`.
 * Unknown fields are ignored, as in OTP.
 */
import type { Address } from '../address.js';

export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';
export type RestartKind = 'permanent' | 'transient' | 'temporary';
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';

export interface SupervisorFlags {
  readonly strategy: Strategy;
  /** Restarts allowed within `periodMs`; one more, and the supervisor gives up. Default 1. */
  readonly intensity: number;
  /** Milliseconds; default 5,000. */
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
}

/** Pauses before restarts; without it a child is restarted at once, as in OTP. */
export interface Backoff {
  /** Before the first restart in a row, milliseconds. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Each further restart in a row waits so many times longer. */
  readonly factor: number;
  /** Share of the pause, 0 to 1, by which it is made longer or shorter: fixed by address and life, so it is pure. */
  readonly jitter: number;
}

export interface ChildSpec {
  readonly id: string;
  readonly kind: string;
  /** What the machine begins with, plain JSON. */
  readonly input: unknown;
  /** Where the actor lives; null = `<kind>/<id of the supervisor>.<id of the child>`. */
  readonly address: Address | null;
  /** The node that is its first owner; null, or a node that is not live = where the supervisor runs. */
  readonly node: string | null;
  readonly restart: RestartKind;
  /** Milliseconds a child may take to stop. */
  readonly shutdown: number | 'brutal_kill' | 'infinity';
  readonly type: 'worker' | 'supervisor';
  readonly significant: boolean;
  /** `begun`: it counts as started once its cell runs; `reported`: once its machine says `supervision.ready`. */
  readonly ready: 'begun' | 'reported';
  /** True: a restart goes on from the state before the failure; false: it begins the machine anew. */
  readonly keep: boolean;
  readonly backoff: Backoff | null;
  /** Milliseconds it may take to start; past them it is killed, and the start has failed. */
  readonly startDeadlineMs: number | 'infinity';
}

/** A flag or a field of a child spec that makes no sense; `field` names it. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
  constructor(readonly field: string, text: string) {
    super(text);
  }
}

export const DEFAULT_FLAGS: SupervisorFlags = {
  strategy: 'one_for_one', intensity: 1, periodMs: 5000, autoShutdown: 'never',
};

/** Milliseconds a worker may take to stop when its spec does not say (OTP's 5,000). */
const WORKER_SHUTDOWN_MS = 5000;
/** The restart history is part of the supervisor's record: this bounds it. */
const INTENSITY_MAX = 1000;
/** Static children, each with its spec, in one record. */
const SPECS_MAX = 300;

const STRATEGIES: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'];
const RESTARTS: readonly unknown[] = ['permanent', 'transient', 'temporary'];
const AUTO_SHUTDOWNS: readonly unknown[] = ['never', 'any_significant', 'all_significant'];
const TYPES: readonly unknown[] = ['worker', 'supervisor'];
const READY: readonly unknown[] = ['begun', 'reported'];
/** Part of a znode's name: no slash, nothing that needs escaping. */
const ID = /^[\w.:@+-]{1,200}$/;
const ADDRESS = /^[\w-]+\/[\w.:@+-]{1,200}$/;

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);

function must(fits: boolean, field: string, value: unknown, wanted: string): void {
  if (!fits) throw new SpecError(field, `invalid ${field} ${shown(value)}: ${wanted}`);
}

const oneOf = (allowed: readonly unknown[], field: string, value: unknown): void =>
  must(allowed.includes(value), field, value, `one of ${allowed.join(', ')}`);

/** A supervisor's own address, as its input names it. Throws SpecError. */
export function checkAddress(address: unknown): void {
  const fits = typeof address === 'string' && ADDRESS.test(address);
  must(fits, 'address', address, 'the address of the supervisor itself');
}

/** Flags with defaults. Throws SpecError. */
export function checkFlags(given: unknown): SupervisorFlags {
  must(given === undefined || isFields(given), 'flags', given, 'an object');
  const { strategy, intensity, periodMs, autoShutdown } = { ...DEFAULT_FLAGS, ...given as Partial<SupervisorFlags> };
  oneOf(STRATEGIES, 'strategy', strategy);
  must(Number.isInteger(intensity) && intensity >= 0 && intensity <= INTENSITY_MAX,
    'intensity', intensity, `a whole number, 0 to ${INTENSITY_MAX}`);
  must(Number.isFinite(periodMs) && periodMs > 0, 'periodMs', periodMs, 'milliseconds above 0');
  oneOf(AUTO_SHUTDOWNS, 'autoShutdown', autoShutdown);
  if (strategy === 'simple_one_for_one' && autoShutdown !== 'never') {
    throw new SpecError('autoShutdown', 'simple_one_for_one and autoShutdown do not go together');
  }
  return { strategy, intensity, periodMs, autoShutdown };
}

/** One child spec with defaults. Throws SpecError. */
export function checkSpec(given: unknown, flags: SupervisorFlags): ChildSpec {
  must(isFields(given), 'child', given, 'an object');
  const fields = given as Fields & Partial<ChildSpec>;
  const { id, kind, input = null, address = null, node = null, restart = 'permanent', significant = false } = fields;
  const type = fields.type ?? (kind === 'supervisor' ? 'supervisor' : 'worker');
  const { keep = false, startDeadlineMs = 'infinity' } = fields;
  const shutdown = fields.shutdown ?? (type === 'supervisor' ? 'infinity' : WORKER_SHUTDOWN_MS);
  const ready = fields.ready ?? (kind === 'supervisor' ? 'reported' : 'begun');
  const isSpan = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
  must(id !== undefined, 'id', id, 'missing');
  must(typeof id === 'string' && ID.test(id), 'id', id, 'letters, digits and . : @ + - _');
  must(kind !== undefined, 'kind', kind, 'missing');
  must(typeof kind === 'string' && /^[\w-]+$/.test(kind), 'kind', kind, 'the kind of an actor');
  must(address === null || typeof address === 'string' && ADDRESS.test(address) && address.startsWith(`${kind}/`),
    'address', address, `an address of kind ${kind}`);
  must(node === null || typeof node === 'string', 'node', node, 'the name of a node');
  oneOf(RESTARTS, 'restart', restart);
  must(shutdown === 'brutal_kill' || shutdown === 'infinity' || isSpan(shutdown), 'shutdown', shutdown,
    'brutal_kill, infinity or milliseconds');
  oneOf(TYPES, 'type', type);
  must(typeof significant === 'boolean', 'significant', significant, 'true or false');
  oneOf(READY, 'ready', ready);
  must(typeof keep === 'boolean', 'keep', keep, 'true or false');
  must(startDeadlineMs === 'infinity' || isSpan(startDeadlineMs), 'startDeadlineMs', startDeadlineMs,
    'infinity or milliseconds');
  if (significant && (flags.autoShutdown === 'never' || restart === 'permanent')) {
    const why = restart === 'permanent' ? 'a permanent child cannot be' : 'with autoShutdown never no child can be';
    throw new SpecError('significant', `invalid significant true: ${why}`);
  }
  return {
    id: id!, kind: kind!, input, address, node, restart, shutdown, type, significant, ready, keep, startDeadlineMs,
    backoff: checkBackoff(fields.backoff),
  };
}

function checkBackoff(given: unknown): Backoff | null {
  if (given === undefined || given === null) return null;
  must(isFields(given), 'backoff', given, 'an object');
  const { minMs, maxMs, factor = 2, jitter = 0 } = given as Fields & Partial<Backoff>;
  const isSpan = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;
  must(isSpan(minMs), 'backoff.minMs', minMs, 'milliseconds');
  must(isSpan(maxMs) && maxMs! >= minMs!, 'backoff.maxMs', maxMs, 'milliseconds, at least minMs');
  must(Number.isFinite(factor) && factor >= 1, 'backoff.factor', factor, 'a number, at least 1');
  must(Number.isFinite(jitter) && jitter >= 0 && jitter <= 1, 'backoff.jitter', jitter, 'a number, 0 to 1');
  return { minMs: minMs!, maxMs: maxMs!, factor, jitter };
}

/** The specs in order. Throws SpecError; a simple_one_for_one supervisor has exactly one, the template. */
export function checkSpecs(given: unknown, flags: SupervisorFlags): readonly ChildSpec[] {
  must(given === undefined || Array.isArray(given), 'children', given, 'a list');
  const specs = ((given ?? []) as readonly unknown[]).map((each) => checkSpec(each, flags));
  must(specs.length <= SPECS_MAX, 'children', specs.length, `at most ${SPECS_MAX}`);
  const twice = specs.find((spec, index) => specs.findIndex(({ id }) => id === spec.id) !== index);
  if (twice !== undefined) throw new SpecError('id', `duplicate child id ${shown(twice.id)}`);
  if (flags.strategy === 'simple_one_for_one' && specs.length !== 1) {
    throw new SpecError('children', `simple_one_for_one needs exactly one child spec, not ${specs.length}`);
  }
  return specs;
}

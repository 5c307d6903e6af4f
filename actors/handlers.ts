/** Handler tables typed over the machines' effects: an effect without a handler does not compile. */
import type { EffectContext, WorldEffect } from '../runtime/effects.js';
import type { Outcome } from './drivers/outcome.js';

type EffectShapes<Effects> = { readonly [K in keyof Effects]: { readonly params: unknown; readonly result: unknown } };

export type HandlersOf<Effects extends EffectShapes<Effects>> = {
  readonly [K in keyof Effects]:
    (params: Effects[K]['params'], context: EffectContext) => Promise<Outcome<Effects[K]['result']>>;
};

/** Params arrive from a record as plain JSON; the machines' types say what they hold. */
export const asWorldEffects = <Effects extends EffectShapes<Effects>>(
  handlers: HandlersOf<Effects>,
): Record<string, WorldEffect> => handlers as unknown as Record<string, WorldEffect>;

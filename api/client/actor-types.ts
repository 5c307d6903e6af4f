/** What the API answers about actors: the shapes of its own schemas. */
import type {
  ActorFaultObject, ActorRecordView, ActorRow, CausedStep, Causes, DeadLetterView, Letter,
} from '../schemas/actor.js';
import type { Static } from '../schemas/schema.js';

export type ActorRowObject = Static<typeof ActorRow>;
export type LetterObject = Static<typeof Letter>;
export type CausedStepObject = Static<typeof CausedStep>;
export type CausesObject = Static<typeof Causes>;
export type ActorFault = Static<typeof ActorFaultObject>;
export type DeadLetterObject = Static<typeof DeadLetterView>;

export interface TailStep {
  readonly seq: number;
  readonly at: number;
  readonly node: string;
  readonly from: string;
  readonly to: string;
  readonly event: { readonly type: string };
}

/** One actor; of its record the parts that are shown. */
export type ActorPage = Omit<Static<typeof ActorRecordView>, 'record'> & {
  readonly record: {
    readonly tail: readonly TailStep[];
    readonly snapshot: { readonly context: Readonly<Record<string, unknown>> };
  };
};

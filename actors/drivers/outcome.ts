/** How every driver call ends. `unknown` leads to observing, never to assuming. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

export const done = <T>(value: T): Outcome<T> => ({ kind: 'done', value });
export const refused = (reason: string): Outcome<never> => ({ kind: 'refused', reason });
export const unknown = (reason: string): Outcome<never> => ({ kind: 'unknown', reason });

/** All that came of one request, in the panel of an actor that had a part in it. */
import { effect, signal } from '@preact/signals';
import { html } from 'htm/preact';
import { ask } from './connection.js';
import { selected } from './model.js';
import { breakable, clockText, moveText } from './words.js';

interface Told {
  readonly correlation: string;
  readonly lost: readonly string[];
  readonly truncated: boolean;
  readonly steps: readonly {
    readonly id: string; readonly address: string; readonly seq: number; readonly at: number; readonly node: string;
    readonly event: string; readonly from: string; readonly to: string; readonly depth: number;
    readonly letters: readonly { readonly to: string; readonly type: string; readonly state: string }[];
    readonly effects: readonly { readonly kind: string; readonly state: string; readonly attempt: number | null }[];
  }[];
}

/** The correlation that is told of; null = none. */
export const story = signal<string | null>(null);
const told = signal<Told | null>(null);

effect(() => {
  const correlation = story.value;
  told.value = null;
  if (correlation === null) return;
  ask<Told>(`/causes/${encodeURIComponent(correlation)}`).then(
    (found) => {
      if (story.value === correlation) told.value = found;
    },
    () => {
      story.value = null;
    },
  );
});

/** Deeper steps are set in further, up to a depth that a narrow panel bears. */
const DEPTH_MAX = 6;

export function Story() {
  const found = told.value;
  if (found === null) return null;
  const close = (): void => {
    story.value = null;
  };
  return html`
    <section class="story">
      <h3>Story <button type="button" class="link-like" onClick=${close}>close</button></h3>
      <small>${found.correlation}</small>
      <ol class="steps">${found.steps.map(step)}</ol>
      ${found.truncated && html`<p class="warn">There is more: only the first steps are shown.</p>`}
      ${found.lost.map((id) => html`<p key=${id} class="warn">${id} is a cause and no longer held.</p>`)}
    </section>`;
}

function step(one: Told['steps'][number]) {
  const open = [
    ...one.letters.filter(({ state }) => state === 'waiting').map(({ to, type }) => `${type} waits for ${to}`),
    ...one.effects.filter(({ state }) => state === 'pending').map(({ kind }) => `${kind} is under way`),
  ];
  const go = (): void => {
    selected.value = one.address;
  };
  return html`
    <li key=${one.id} class=${`depth-${Math.min(one.depth, DEPTH_MAX)}`}>
      <button type="button" class="link-like" onClick=${go}>${one.id}</button>
      <small>${clockText(one.at)} · ${one.node}</small>
      <div><b>${breakable(one.event)}</b></div><div>${breakable(moveText(one.from, one.to))}</div>
      ${open.map((text) => html`<small key=${text} class="warn">${text}</small>`)}
    </li>`;
}

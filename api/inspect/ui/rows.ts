/** The list of actors: one row each, redrawn when its actor steps. */
import type { Signal } from '@preact/signals';
import { html } from 'htm/preact';
import { mail, selected, shownMax, visible, type ActorView } from './model.js';
import { ageText, breakable, clockText, countText, moveText, regionsOf, tone } from './words.js';

export function Actors() {
  const rows = visible.value;
  return html`
    <div class="rows" role="table" aria-label="Actors">
      <div class="row head" role="row">
        <span role="columnheader">Actor</span><span role="columnheader">State</span>
        <span role="columnheader">Owner</span>
        <span role="columnheader" class="number">Mailbox</span>
        <span role="columnheader" class="number">Steps</span><span role="columnheader">Last transition</span>
        <span role="columnheader">Under way</span>
      </div>
      ${rows.slice(0, shownMax).map((actor) => html`<${Row} key=${actor.peek().address} actor=${actor} />`)}
      ${rows.length === 0 && html`<p class="empty">No actor matches.</p>`}
      ${rows.length > shownMax && html`<p class="empty">${rows.length - shownMax} more: narrow the filter.</p>`}
    </div>`;
}

function Row({ actor }: { actor: Signal<ActorView> }) {
  const view = actor.value;
  const chosen = selected.value === view.address;
  const toggle = (): void => {
    selected.value = chosen ? null : view.address;
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    toggle();
  };
  return html`
    <div class=${`row ${chosen ? 'chosen' : ''} flash-${view.flash % 2}`} data-live=${view.flash > 0} role="row"
      tabindex="0" aria-selected=${chosen} onClick=${toggle} onKeyDown=${onKey}>
      <span role="cell" class="actor"><b>${view.fault !== null && html`<em class="mark" title="stopped">!</em>`}
        ${view.name}</b><small>${view.kind} ${shortId(view)}</small></span>
      <span role="cell" class="states"><${Chips} view=${view} /></span>
      <span role="cell" class="owner">${view.owner ?? '–'}
        ${view.epoch !== null && html`<small>epoch ${view.epoch}</small>`}</span>
      <${Mailbox} address=${view.address} />
      <span role="cell" class="number steps-done">${countText(view.steps)}
        <small>${counted(view.commits, 'commit')}</small>
        ${view.restarts > 0 && html`<small class="warn">${counted(view.restarts, 'restart')}</small>`}
      </span>
      <span role="cell" class="last"><span>${breakable(view.event ?? '–')}</span>
        <small>${clockText(view.at)}${lastMove(view)}</small></span>
      <span role="cell" class="under-way">${underWay(view)}</span>
    </div>`;
}

const counted = (count: number, what: string): string => `${countText(count)} ${what}${count === 1 ? '' : 's'}`;

const LATE_MS = 10_000;

function Mailbox({ address }: { address: string }) {
  const waiting = mail.value.get(address);
  if (waiting === undefined) return html`<span role="cell" class="number mailbox quiet">0</span>`;
  const { letters, oldestMs } = waiting;
  return html`
    <span role="cell" class=${`number mailbox ${oldestMs > LATE_MS ? 'bad' : 'warn'}`}
      title=${`${letters} letters, the oldest for ${ageText(oldestMs)}`}>
      ${letters}<small>${ageText(oldestMs)}</small></span>`;
}

/** The states of an actor, one chip a region. */
export const Chips = ({ view }: { view: ActorView }) =>
  html`${regionsOf(view.state).map(
    (state) => html`<em key=${state} class=${`chip ${tone(state, view)}`}>${breakable(state)}</em>`,
  )}`;

const lastMove = (view: ActorView): string =>
  view.from === null || view.from === view.to ? '' : ` · ${breakable(moveText(view.from, view.to))}`;

/** UUIDs are long and rarely read: their first group tells them apart; the whole is in the panel. */
const shortId = ({ id, name }: ActorView): string =>
  name === id ? '' : /^[0-9a-f]{8}-/.test(id) ? `${id.slice(0, 8)}…` : id;

function underWay(view: ActorView) {
  if (view.fault !== null) return html`<span class="bad">stopped: ${view.fault}</span>`;
  const counts = [
    view.pending > 0 ? `${view.pending} effect${view.pending > 1 ? 's' : ''}` : '',
    view.timers > 0 ? `${view.timers} timer${view.timers > 1 ? 's' : ''}` : '',
  ]
    .filter((text) => text !== '')
    .join(', ');
  return html`
    ${view.operation !== null && html`<span>${view.operation.command}</span>`}
    ${view.waiting !== null && html`<span class="warn">${view.waiting}</span>`}
    ${counts !== '' && html`<small>${counts}</small>`}`;
}

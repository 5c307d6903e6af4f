/** The inspector's page, put together. */
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import { render } from 'preact';
import { connect, useKey, watchMail } from './connection.js';
import { filter, gaps, keyFault, link, selected, server, steps, totals, visible } from './model.js';
import { Panel } from './panel.js';
import { Actors } from './rows.js';

const LINK_TEXTS = { connecting: 'connecting', live: 'live', waiting: 'reconnecting', key: 'key needed' } as const;
/** Ends the version of a cluster that is none (fixtures/sim/live). */
const SIMULATED = '+simulated';
const typed = signal('');

function KeyForm() {
  const send = (event: Event): void => {
    event.preventDefault();
    useKey(typed.value);
    typed.value = '';
  };
  return html`
    <form class="key" onSubmit=${send}>
      <h1>PVC inspector</h1>
      <label for="key">API key</label>
      <input id="key" type="password" autocomplete="off" autofocus value=${typed.value}
        onInput=${(event: Event) => {
          typed.value = (event.target as HTMLInputElement).value;
        }} />
      <button type="submit">Open</button>
      ${keyFault.value !== null && html`<p class="bad" role="alert">${keyFault.value}</p>`}
      <p><small>Kept in this tab only, until it is closed.</small></p>
    </form>`;
}

function Head() {
  const { actors, faults, letters } = totals.value;
  const shown = visible.value.length;
  const counts = [
    `${shown === actors ? actors : `${shown} of ${actors}`} actors`,
    `${steps.value} steps`,
    letters > 0 ? `${letters} letters wait` : '',
    faults > 0 ? `${faults} stopped` : '',
    gaps.value > 0 ? `${gaps.value} gaps` : '',
  ].filter((text) => text !== '');
  const state = [LINK_TEXTS[link.value], server.value?.node].filter((text) => text !== undefined);
  return html`
    <header class="top">
      <h1>PVC inspector</h1>
      ${server.value?.version.endsWith(SIMULATED) === true && html`<strong class="simulated">simulated</strong>`}
      <span class=${`link ${link.value}`} role="status">${state.join(' · ')}</span>
      <span class="counts">${counts.join(' · ')}</span>
      <input type="search" id="filter" placeholder="Filter: vm running hv2 (press /)" aria-label="Filter"
        value=${filter.value} onInput=${(event: Event) => {
          filter.value = (event.target as HTMLInputElement).value;
        }} />
    </header>`;
}

const Main = () => html`
  <${Head} />
  <main class=${selected.value === null ? '' : 'with-panel'}><${Actors} /><${Panel} /></main>`;

const App = () => (link.value === 'key' ? html`<${KeyForm} />` : html`<${Main} />`);

document.addEventListener('keydown', (event) => {
  const field = document.getElementById('filter');
  if (event.key === 'Escape') selected.value = null;
  if (event.key !== '/' || field === null || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  field.focus();
});

render(html`<${App} />`, document.getElementById('app') as HTMLElement);
void connect();
void watchMail();

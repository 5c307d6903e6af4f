/** The side panel: one actor's record, read anew when it steps. */
import { effect, signal } from '@preact/signals';
import { html } from 'htm/preact';
import { ask } from './connection.js';
import { actorOf, selected } from './model.js';
import { Chips } from './rows.js';
import { breakable, clockText, moveText } from './words.js';

interface Step {
  readonly seq: number;
  readonly at: number;
  readonly node: string;
  readonly from: string;
  readonly to: string;
  readonly event: { readonly type: string };
  readonly effects: readonly string[];
  readonly sent: readonly { readonly to: string; readonly type: string }[];
}
interface Done {
  readonly operationId: string;
  readonly command: string;
  readonly state: string;
  readonly message: string | null;
  readonly acceptedAt: number;
  readonly endedAt: number | null;
}
interface Detail {
  readonly address: string;
  readonly word: string | null;
  readonly explanation: string | null;
  readonly owner: Readonly<Record<string, unknown>> | null;
  readonly record: {
    readonly revision: number;
    readonly fault: string | null;
    readonly snapshot: { readonly value: unknown; readonly context: Readonly<Record<string, unknown>> };
    readonly tail: readonly Step[];
    readonly operations: readonly Done[];
    readonly effects: readonly Readonly<Record<string, unknown>>[];
    readonly timers: readonly Readonly<Record<string, unknown>>[];
  };
}

const detail = signal<Detail | null>(null);
const fault = signal<string | null>(null);
let asking = '';

effect(() => {
  const address = selected.value;
  if (address === null) {
    detail.value = null;
    return;
  }
  const wanted = `${address} ${actorOf(address)?.revision ?? ''}`;
  asking = wanted;
  ask<Detail>(`/actors/${address}`).then(
    (found) => {
      if (asking !== wanted) return;
      detail.value = found;
      fault.value = null;
    },
    (error: Error) => {
      if (asking === wanted) fault.value = error.message;
    },
  );
});

export function Panel() {
  const address = selected.value;
  if (address === null) return null;
  const view = actorOf(address);
  const found = detail.value?.address === address ? detail.value : null;
  const word = found?.word ? html`<small>PVC: ${found.word}</small>` : null;
  const close = (): void => {
    selected.value = null;
  };
  return html`
    <aside aria-label=${`Record of ${address}`}>
      <header>
        <h2>${view?.name ?? address}</h2>
        <button type="button" onClick=${close} aria-label="Close">×</button>
        <p class="path">${address}</p>
      </header>
      ${view !== null && html`<p class="states"><${Chips} view=${view} /> ${word}</p>`}
      ${found?.explanation && html`<p>${found.explanation}</p>`}
      ${fault.value !== null && html`<p class="bad">${fault.value}</p>`}
      ${found !== null && html`<${Body} found=${found} />`}
    </aside>`;
}

function Body({ found }: { found: Detail }) {
  const { record, owner } = found;
  return html`
    ${record.fault !== null && html`<p class="bad">Parked: ${record.fault}</p>`}
    <h3>Transitions</h3>
    <ol class="steps">${[...record.tail].reverse().map(stepItem)}</ol>
    <h3>Operations</h3>
    ${record.operations.length === 0 && html`<p class="empty">None.</p>`}
    <ul class="steps">${[...record.operations].reverse().map(operationItem)}</ul>
    <${Json} title="Owner" value=${owner} />
    <${Json} title="Context" value=${record.snapshot.context} open />
    <${Json} title="State value" value=${record.snapshot.value} />
    ${record.effects.length > 0 && html`<${Json} title="Pending effects" value=${record.effects} open />`}
    ${record.timers.length > 0 && html`<${Json} title="Timers" value=${record.timers} />`}`;
}

function stepItem(step: Step) {
  const sent = step.sent.map((one) => `${one.to} ${one.type}`).join(', ');
  return html`
    <li key=${step.seq}>
      <small>${step.seq} · ${clockText(step.at)} · ${step.node}</small>
      <div><b>${step.event.type}</b></div>
      <div>${breakable(moveText(step.from, step.to))}</div>
      ${step.effects.length > 0 && html`<small>does ${step.effects.join(', ')}</small>`}
      ${sent !== '' && html`<small>tells ${sent}</small>`}
    </li>`;
}

const operationItem = (one: Done) => html`
  <li key=${one.operationId}><small>${clockText(one.acceptedAt)}</small>
    <b>${one.command}</b> ${one.state}${one.message ? `: ${one.message}` : ''}</li>`;

const Json = ({ title, value, open = false }: { title: string; value: unknown; open?: boolean }) =>
  html`<details open=${open}><summary>${title}</summary><pre>${JSON.stringify(value, null, 2)}</pre></details>`;

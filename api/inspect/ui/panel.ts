/** The side panel: one actor, read anew when it steps or its mailbox changes. */
import { effect, signal } from '@preact/signals';
import { html } from 'htm/preact';
import { ask } from './connection.js';
import { actorOf, mail, selected } from './model.js';
import { Chips } from './rows.js';
import { story, Story } from './story.js';
import { ageText, breakable, clockText, moveText } from './words.js';

interface Step {
  readonly seq: number;
  readonly at: number;
  readonly node: string;
  readonly from: string;
  readonly to: string;
  readonly event: { readonly type: string };
  readonly effects: readonly string[];
  readonly sent: readonly { readonly to: string; readonly type: string }[];
  readonly correlation: string;
}
interface Done {
  readonly operationId: string;
  readonly command: string;
  readonly state: string;
  readonly message: string | null;
  readonly acceptedAt: number;
  readonly endedAt: number | null;
}
interface Letter {
  readonly name: string;
  readonly id: string | null;
  readonly from: string | null;
  readonly type: string | null;
  readonly lane: string | null;
  readonly sent_at: number | null;
  readonly fault: string | null;
}
interface Detail {
  readonly address: string;
  readonly word: string | null;
  readonly explanation: string | null;
  readonly owner: Readonly<Record<string, unknown>> | null;
  readonly row: {
    readonly steps: number; readonly commits: number; readonly restarts: number; readonly dead: number;
    readonly outbox: number; readonly requests: number; readonly parent: string | null; readonly life: number;
    readonly exit: string | null; readonly last_error: { readonly text: string; readonly at: number } | null;
  };
  readonly effects: readonly {
    readonly effect_id: string; readonly kind: string; readonly attempt: number; readonly attempts: number | null;
    readonly deadline_ms: number;
  }[];
  readonly timers: readonly {
    readonly timer_id: string; readonly event: string; readonly left_ms: number; readonly policy: string;
  }[];
  readonly record: {
    readonly revision: number;
    readonly fault: string | null;
    readonly snapshot: { readonly value: unknown; readonly context: Readonly<Record<string, unknown>> };
    readonly tail: readonly Step[];
    readonly operations: readonly Done[];
  };
}

const detail = signal<Detail | null>(null);
const letters = signal<readonly Letter[]>([]);
const fault = signal<string | null>(null);
let asking = '';

effect(() => {
  const address = selected.value;
  if (address === null) {
    detail.value = null;
    letters.value = [];
    story.value = null;
    return;
  }
  const waiting = mail.value.get(address)?.letters ?? 0;
  const wanted = `${address} ${actorOf(address)?.revision ?? ''} ${waiting}`;
  if (asking === wanted) return;
  asking = wanted;
  const mailbox = waiting > 0 ? ask<Letter[]>(`/actors/${address}/letters?limit=20`) : Promise.resolve([]);
  Promise.all([ask<Detail>(`/actors/${address}`), mailbox]).then(
    ([found, held]) => {
      if (asking !== wanted) return;
      detail.value = found;
      letters.value = held;
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
  const { record, owner, row, effects, timers } = found;
  return html`
    ${record.fault !== null && html`<p class="bad">Stopped: ${record.fault}</p>`}
    <dl class="facts">
      <div><dt>Steps</dt><dd>${row.steps}</dd></div><div><dt>Commits</dt><dd>${row.commits}</dd></div>
      <div><dt>Restarts</dt><dd>${row.restarts}</dd></div>
      <div><dt>Dead letters</dt><dd class=${row.dead > 0 ? 'bad' : ''}>${row.dead}</dd></div>
      <div><dt>Outbox</dt><dd>${row.outbox}</dd></div><div><dt>Requests</dt><dd>${row.requests}</dd></div>
      ${row.parent !== null && html`<div class="wide"><dt>Supervisor</dt><dd>${row.parent}</dd></div>`}
      ${(row.life > 1 || row.exit !== null) && html`
        <div class="wide"><dt>Life</dt><dd>${row.life}${row.exit !== null && `, ended: ${row.exit}`}</dd></div>`}
      ${row.last_error !== null && html`
        <div class="wide"><dt>Last error, ${clockText(row.last_error.at)}</dt>
          <dd class="bad">${row.last_error.text}</dd></div>`}
    </dl>
    ${effects.length > 0 && html`<h3>Effects under way</h3><ul class="steps">${effects.map(effectItem)}</ul>`}
    ${timers.length > 0 && html`<h3>Timers</h3><ul class="steps">${timers.map(timerItem)}</ul>`}
    ${letters.value.length > 0 && html`
      <h3>Letters that wait</h3><ol class="steps">${letters.value.map(letterItem)}</ol>`}
    <${Story} />
    <h3>Transitions</h3>
    <ol class="steps">${[...record.tail].reverse().map(stepItem)}</ol>
    <h3>Operations</h3>
    ${record.operations.length === 0 && html`<p class="empty">None.</p>`}
    <ul class="steps">${[...record.operations].reverse().map(operationItem)}</ul>
    <${Json} title="Owner" value=${owner} />
    <${Json} title="Context" value=${record.snapshot.context} open />
    <${Json} title="State value" value=${record.snapshot.value} />`;
}

const effectItem = (one: Detail['effects'][number]) => html`
  <li key=${one.effect_id}><b>${breakable(one.kind)}</b>
    <small>try ${one.attempt}${one.attempts !== null && ` of ${one.attempts}`}
      ${' · '}deadline ${ageText(one.deadline_ms)}</small></li>`;

const timerItem = (one: Detail['timers'][number]) => html`
  <li key=${one.timer_id}><b>${breakable(one.event)}</b>
    <small>in ${ageText(one.left_ms)} · ${one.policy}</small></li>`;

function letterItem(one: Letter) {
  const parts = [`from ${one.from}`, clockText(one.sent_at), one.lane === 'control' ? 'control' : ''];
  return html`
    <li key=${one.id ?? one.name}><b class=${one.type === null ? 'bad' : ''}>${breakable(one.type ?? 'unreadable')}</b>
      <small>${one.fault ?? parts.filter((part) => part !== '').join(' · ')}</small></li>`;
}

function stepItem(step: Step) {
  const sent = step.sent.map((one) => `${one.to} ${one.type}`).join(', ');
  const tell = (): void => {
    story.value = story.value === step.correlation ? null : step.correlation;
  };
  return html`
    <li key=${step.seq}>
      <small>${step.seq} · ${clockText(step.at)} · ${step.node}
        <button type="button" class="link-like" onClick=${tell} title=${step.correlation}>why</button></small>
      <div><b>${breakable(step.event.type)}</b></div>
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

/** Actors for people: what waits, what was done, and why. */
import type {
  ActorFault, ActorPage, ActorRowObject, CausedStepObject, CausesObject, DeadLetterObject, LetterObject,
} from '../../client/actor-types.js';
import type { Colour, Paint } from '../terminal.js';
import { countText, sheet, table, type Column } from './table.js';

/** `0.4 s`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function ageText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

const LATE_MS = 10_000;

const lettersText = ({ letters }: ActorRowObject): string => (letters === null ? '?' : String(letters));
const lettersAge = ({ oldest_letter_ms: ms }: ActorRowObject): string => (ms === null ? '' : ageText(ms));
const lateColour = ({ oldest_letter_ms: ms }: ActorRowObject): Colour | null =>
  ms === null ? null : ms > LATE_MS ? 'red' : 'yellow';
const stateColour = ({ fault, waiting_reason: waiting }: ActorRowObject): Colour | null =>
  fault !== null ? 'red' : waiting !== null ? 'yellow' : 'green';

function underWay(row: ActorRowObject): string {
  const parts = [
    row.operation?.command ?? '', row.pending > 0 ? `${row.pending} effects` : '',
    row.timers > 0 ? `${row.timers} timers` : '', row.outbox > 0 ? `${row.outbox} parked` : '',
    row.requests > 0 ? `${row.requests} requests` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

const LIST: readonly Column<ActorRowObject>[] = [
  { group: 'Actor', title: 'Address', cell: (row) => row.address },
  { group: 'Actor', title: 'Name', cell: (row) => (row.name === row.id ? '' : row.name) },
  { group: 'Actor', title: 'State', cell: (row) => row.state, colour: stateColour },
  { group: 'Owner', title: 'Node', cell: (row) => row.owner ?? 'none' },
  { group: 'Owner', title: 'Epoch', cell: (row) => String(row.epoch ?? '') },
  { group: 'Mailbox', title: 'Letters', cell: lettersText, colour: lateColour },
  { group: 'Mailbox', title: 'Oldest', cell: lettersAge, colour: lateColour },
  { group: 'In its life', title: 'Steps', cell: (row) => countText(row.steps) },
  { group: 'In its life', title: 'Commits', cell: (row) => countText(row.commits) },
  {
    group: 'In its life', title: 'Restarts', cell: (row) => String(row.restarts),
    colour: (row) => (row.restarts > 0 ? 'yellow' : null),
  },
  {
    group: 'In its life', title: 'Dead', cell: (row) => String(row.dead),
    colour: (row) => (row.dead > 0 ? 'red' : null),
  },
  { group: 'Now', title: 'Under way', cell: (row) => (row.fault === null ? underWay(row) : 'stopped: see info') },
];

export const actorTable = (rows: readonly ActorRowObject[], paint: Paint): string => table(LIST, rows, paint);

const time = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
const none = (text: string | null): string => text ?? 'none';

export function actorSheet(page: ActorPage, paint: Paint, long: boolean): string {
  const { row, effects, timers } = page;
  const entries: (readonly [string, string] | null)[] = [
    ['Address', row.address],
    ['Name', row.name],
    ...(page.removed_at === null ? [] : [['Removed', paint('red', time(page.removed_at))] as const]),
    ['State', paint(stateColour(row), row.state)],
    ...(page.explanation === null ? [] : [['Which means', page.explanation] as const]),
    ...(row.waiting_reason === null ? [] : [['Waits for', paint('yellow', row.waiting_reason)] as const]),
    ...(row.fault === null ? [] : [['Fault', paint('red', row.fault)] as const]),
    ...(row.last_error === null ? []
      : [['Last error', `${row.last_error.text} (${time(row.last_error.at)})`] as const]),
    null,
    ['Owner', row.owner === null ? 'none' : `${row.owner}, epoch ${row.epoch ?? '?'}`],
    ['Supervisor', none(row.parent)],
    ['Life', row.exit === null ? String(row.life) : `${row.life}, ended: ${row.exit}`],
    null,
    ['Mailbox', `${lettersText(row)} letters${row.oldest_letter_ms === null ? '' : `, oldest ${lettersAge(row)}`}`],
    ['In its life', `${row.steps} steps, ${row.commits} commits, ${row.restarts} restarts, ${row.dead} dead letters`],
    ['Parked, requests', `${row.outbox} letters, ${row.requests} requests`],
    ['Operation', row.operation === null ? 'none' : `${row.operation.command} (${row.operation.operationId})`],
    null,
    ['Effects', effects.map(effectLine).join('\n') || 'none'],
    ['Timers', timers.map(timerLine).join('\n') || 'none'],
    null,
    ['Last transitions', lastSteps(page, long)],
    ...(long ? [null, ['Context', JSON.stringify(page.record.snapshot.context, null, 2)] as const] : []),
  ];
  return `${paint('bold', 'Actor information:')}\n\n${sheet(entries, paint)}`;
}

const effectLine = ({ kind, attempt, attempts, deadline_ms: ms, within }: ActorPage['effects'][number]): string =>
  `${kind}, try ${attempt}${attempts === null ? '' : ` of ${attempts}`}, deadline ${ageText(ms)}`
  + (within === null ? '' : `, within ${within}`);

const timerLine = (timer: ActorPage['timers'][number]): string =>
  `${timer.event} in ${ageText(timer.left_ms)} (of ${ageText(timer.delay_ms)}, ${timer.policy})`;

const moved = ({ from, to }: { from: string; to: string }): string => (from === to ? to : `${from || 'new'} -> ${to}`);

function lastSteps({ record }: ActorPage, long: boolean): string {
  const steps = record.tail.slice(long ? 0 : -5).reverse();
  const line = (step: typeof steps[number]): string =>
    `#${step.seq} ${time(step.at)} ${step.node} ${moved(step)} by ${step.event.type}`;
  return steps.map(line).join('\n') || 'none are held';
}

export const letterTable = (letters: readonly LetterObject[], paint: Paint): string => table<LetterObject>([
  { title: 'Sent', cell: (letter) => (letter.sent_at === null ? '' : time(letter.sent_at)) },
  { title: 'From', cell: (letter) => letter.from ?? '?' },
  {
    title: 'Type', cell: (letter) => letter.type ?? 'unreadable',
    colour: (letter) => (letter.type === null ? 'red' : null),
  },
  { title: 'Lane', cell: (letter) => letter.lane ?? '' },
  { title: 'Correlation', cell: (letter) => letter.correlation ?? '' },
  { title: 'Fault', cell: (letter) => letter.fault ?? '' },
], letters, paint);

const CAUSE_TEXTS: Readonly<Record<string, string>> = {
  letter: 'letter', effect: 'answer', timer: 'timer', owner: 'new owner', outside: 'from outside',
};

/** One transition, one line; `depth` indents it. */
function stepLine(step: CausedStepObject, depth: number, paint: Paint): string {
  const how = `${CAUSE_TEXTS[step.cause] ?? step.cause}${step.operation === null ? '' : ` (${step.operation})`}`;
  return `${'  '.repeat(depth)}${paint('bold', step.id)}  ${time(step.at)} ${step.node}  `
    + `${paint('green', moved(step))}  by ${step.event}, ${how}`;
}

function openEnds(step: CausedStepObject, depth: number, paint: Paint): string[] {
  const indent = '  '.repeat(depth + 1);
  return [
    ...step.letters.filter(({ state }) => state !== 'stepped').map(({ to, type, state }) => {
      const text = state === 'waiting' ? 'waits in the mailbox' : 'no trace is held';
      return `${indent}${type} to ${to}: ${paint('yellow', text)}`;
    }),
    ...step.effects.filter(({ state }) => state === 'pending').map(({ kind, attempt }) =>
      `${indent}${kind}: ${paint('yellow', `under way, try ${attempt ?? 1}`)}`),
  ];
}

/** The story of a request as a tree, or, walked backwards, as a list. */
export function causeTree(causes: CausesObject, paint: Paint, walk: boolean): string {
  const lines = causes.steps.flatMap((step) => {
    const depth = walk ? 0 : step.depth;
    return [stepLine(step, depth, paint), ...(walk ? [] : openEnds(step, depth, paint))];
  });
  if (causes.truncated) lines.push(paint('yellow', 'There is more: only the first steps are shown.'));
  for (const id of causes.lost) lines.push(paint('yellow', `${id} is a cause and no longer held.`));
  return lines.join('\n');
}

const DEAD: readonly Column<DeadLetterObject>[] = [
  { title: 'Parked', cell: (letter) => time(letter.at) },
  { title: 'Actor', cell: (letter) => letter.actor },
  { title: 'Type', cell: (letter) => letter.type },
  { title: 'State', cell: (letter) => letter.state ?? 'never delivered' },
  { title: 'Error', cell: (letter) => (letter.error.length > 60 ? `${letter.error.slice(0, 57)}...` : letter.error) },
  { title: 'Name', cell: (letter) => letter.name },
];

export const deadLetterTable = (letters: readonly DeadLetterObject[], paint: Paint): string =>
  table(DEAD, letters, paint);

export const deadLetterSheet = (letter: DeadLetterObject, paint: Paint): string => sheet([
  ['Name', letter.name], ['Actor', letter.actor], ['From', letter.from], ['Type', letter.type],
  ['Error', paint('red', letter.error)], ['State then', letter.state ?? 'never delivered'],
  ['Sent', time(letter.sent_at)], ['Parked', time(letter.at)], ['Correlation', letter.correlation],
  ['Operation', none(letter.operation)], ['Event', JSON.stringify(letter.event, null, 2)],
], paint);

const FAULTS: readonly Column<ActorFault>[] = [
  { title: 'Actor', cell: (fault) => fault.address },
  { title: 'Kind', cell: (fault) => fault.kind, colour: () => 'red' },
  { title: 'Found', cell: (fault) => (fault.at === null ? '' : time(fault.at)) },
  { title: 'By', cell: (fault) => fault.node ?? 'the node asked' },
  { title: 'Reason', cell: (fault) => fault.reason },
];

export const faultTable = (faults: readonly ActorFault[], paint: Paint): string => table(FAULTS, faults, paint);

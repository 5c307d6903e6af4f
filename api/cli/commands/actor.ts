/** `pvc actor` and `pvc dead-letter`: any actor, whatever its machine. Ours; PVC has nothing like it. */
import type {
  ActorFault, ActorPage, ActorRowObject, CausesObject, DeadLetterObject, LetterObject,
} from '../../client/actor-types.js';
import { accepted, fetchData, messageOf } from '../calls.js';
import type { Command, CommandContext, OptionSpec, Positional } from '../command.js';
import { CliError, EXIT, usageError } from '../exit.js';
import {
  actorSheet, actorTable, causeTree, deadLetterSheet, deadLetterTable, faultTable, letterTable,
} from '../format/actor.js';
import { formatOption, printFormatted } from '../format/json.js';
import { confirmed, YES } from './options.js';

const ADDRESS: Positional = { name: 'ADDRESS', required: true, help: 'Kind and id, e.g. node/hv1 or vm/<uuid>.' };
const LETTER: Positional = {
  name: 'LETTER', required: true, help: 'Name of the dead letter, from "dead-letter list".',
};

/** `/actors/vm/<uuid>` */
function actorPath(context: CommandContext, rest = ''): string {
  const address = context.values.positional('ADDRESS');
  const slash = address.indexOf('/');
  if (slash <= 0 || slash === address.length - 1) {
    throw usageError(`ADDRESS looks like vm/<uuid>, not "${address}": "pvc actor list" shows them.`);
  }
  const [kind, id] = [address.slice(0, slash), address.slice(slash + 1)].map(encodeURIComponent);
  return `/actors/${kind}/${id}${rest}`;
}

async function list(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const rows = await fetchData<ActorRowObject[]>(await context.api(), '/actors', {
    kind: values.text('kind'), state: values.text('state'), owner: values.text('owner'),
    fault: values.flag('fault') ? true : undefined, waiting: values.flag('waiting') ? true : undefined,
    limit: values.number('limit'),
  });
  printFormatted(context, rows, {
    pretty: () => actorTable(rows, terminal.paint),
    raw: () => rows.map((row) => row.address).join('\n'),
  });
}

async function info(context: CommandContext): Promise<void> {
  const page = await fetchData<ActorPage>(await context.api(), actorPath(context));
  printFormatted(context, page, {
    pretty: () => actorSheet(page, context.terminal.paint, false),
    long: () => actorSheet(page, context.terminal.paint, true),
  });
}

async function letters(context: CommandContext): Promise<void> {
  const limit = context.values.number('limit');
  const found = await fetchData<LetterObject[]>(await context.api(), actorPath(context, '/letters'), { limit });
  printFormatted(context, found, { pretty: () => letterTable(found, context.terminal.paint) });
}

async function why(context: CommandContext): Promise<void> {
  const seq = context.values.positional('SEQ');
  if (seq !== '' && !/^[1-9]\d*$/.test(seq)) throw usageError(`SEQ must be a whole number, not "${seq}".`);
  const api = await context.api();
  const found = await fetchData<CausesObject>(api, actorPath(context, '/why'), { seq: seq || undefined });
  printFormatted(context, found, { pretty: () => causeTree(found, context.terminal.paint, true) });
}

async function causes(context: CommandContext): Promise<void> {
  const id = context.values.positional('REQUEST');
  const found = await fetchData<CausesObject>(await context.api(), `/causes/${encodeURIComponent(id)}`);
  if (found.steps.length === 0) {
    throw new CliError(EXIT.notFound, `Nothing of "${id}" is held: it changed no actor, or it is too long ago.`);
  }
  printFormatted(context, found, { pretty: () => causeTree(found, context.terminal.paint, false) });
}

interface DeadList { readonly letters: readonly DeadLetterObject[]; readonly dropped: number }

async function listDead(context: CommandContext): Promise<void> {
  const actor = context.values.positional('ACTOR') || undefined;
  const found = await fetchData<DeadList>(await context.api(), '/dead-letters', { actor });
  printFormatted(context, found, {
    pretty: () => deadLetterTable(found.letters, context.terminal.paint),
    raw: () => found.letters.map(({ name }) => name).join('\n'),
  });
  if (found.dropped > 0) context.terminal.note(`${found.dropped} more were too many or too old to be kept.`);
}

async function showDead(context: CommandContext): Promise<void> {
  const name = context.values.positional('LETTER');
  const { letters: all } = await fetchData<DeadList>(await context.api(), '/dead-letters');
  const found = all.find((letter) => letter.name === name);
  if (found === undefined) throw new CliError(EXIT.notFound, `There is no dead letter "${name}".`);
  printFormatted(context, found, { pretty: () => deadLetterSheet(found, context.terminal.paint) });
}

const act = (method: 'POST' | 'DELETE', rest: string, question: string | null) =>
  async (context: CommandContext): Promise<void> => {
    const name = context.values.positional('LETTER');
    if (question !== null) await confirmed(context, `${question} "${name}"`);
    const path = `/dead-letters/${encodeURIComponent(name)}${rest}`;
    context.terminal.print(messageOf((await accepted(await context.api(), { method, path })).body));
  };

const LIMIT = (help: string) => ({ name: 'limit', short: 'n', kind: 'number', value: 'N', help }) as const;

async function faults(context: CommandContext): Promise<void> {
  const found = await fetchData<ActorFault[]>(await context.api(), '/actor-faults');
  printFormatted(context, found, {
    pretty: () => faultTable(found, context.terminal.paint),
    raw: () => found.map(({ address }) => address).join('\n'),
  });
}

const mend = (method: 'POST' | 'DELETE', rest: string, question: string | null) =>
  async (context: CommandContext): Promise<void> => {
    const path = actorPath(context, rest);
    if (question !== null) await confirmed(context, `${question} "${context.values.positional('ADDRESS')}"`);
    const force = context.values.flag('force') ? { force: true } : {};
    const query = question === null ? {} : { 'yes-i-really-mean-it': 'yes', ...force };
    context.terminal.print(messageOf((await accepted(await context.api(), { method, path, query })).body));
  };

const FORCE: OptionSpec = {
  name: 'force', kind: 'flag',
  help:
    'Also where its machine says that it is not safe, e.g. a VM whose guest may run: ' +
    'you vouch that it runs nowhere.',
};

export const actorCommands: readonly Command[] = [
  {
    path: ['actor', 'list'],
    summary: 'List actors: their state, what waits in their mailboxes, what they did.',
    options: [
      { name: 'kind', short: 'k', kind: 'text', value: 'KIND', help: 'Only of this kind: vm, node, agent ...' },
      { name: 'state', short: 's', kind: 'text', value: 'TEXT', help: 'Only those whose state holds this text.' },
      { name: 'owner', short: 'o', kind: 'text', value: 'NODE', help: 'Only those that this node owns.' },
      { name: 'fault', kind: 'flag', help: 'Only those that stopped with a fault.' },
      { name: 'waiting', short: 'w', kind: 'flag', help: 'Only those with letters in their mailbox.' },
      LIMIT('At most so many.'), formatOption('pretty', 'raw', 'json', 'json-pretty'),
    ],
    examples: ['pvc actor list', 'pvc actor list -k vm --waiting', 'pvc actor list --fault -f raw'],
    run: list,
  },
  {
    path: ['actor', 'info'],
    summary: 'Show one actor: mailbox, effects, timers, last transitions.',
    details: 'An actor that was removed can be asked about for ten minutes.',
    positionals: [ADDRESS],
    options: [formatOption('pretty', 'long', 'json', 'json-pretty')],
    examples: ['pvc actor info node/hv1', 'pvc actor info node/hv1 -f long'],
    run: info,
  },
  {
    path: ['actor', 'letters'],
    summary: 'Show the letters that wait in the mailbox of an actor, in order.',
    positionals: [ADDRESS],
    options: [LIMIT('At most so many. [default: 100]'), formatOption('pretty', 'json', 'json-pretty')],
    examples: ['pvc actor letters node/hv1'],
    run: letters,
  },
  {
    path: ['actor', 'why'],
    summary: 'Walk back from a transition of an actor to its first cause.',
    positionals: [ADDRESS, { name: 'SEQ', required: false, help: 'Which transition; the last if left out.' }],
    options: [formatOption('pretty', 'json', 'json-pretty')],
    examples: ['pvc actor why node/hv1', 'pvc actor why node/hv1 41'],
    run: why,
  },
  {
    path: ['actor', 'causes'],
    summary: 'Show all that came of one request: transitions, letters, effects.',
    details: 'The request is named by the X-Request-Id of its answer, or by any correlation that "actor why" shows.',
    positionals: [{ name: 'REQUEST', required: true, help: 'Id of the request.' }],
    options: [formatOption('pretty', 'json', 'json-pretty')],
    examples: ['pvc actor causes 3c1f0f9e-8c1e-4f6e-9a37-0d7c3b1a2f10'],
    run: causes,
  },
  {
    path: ['actor', 'faults'],
    summary: 'List actors that stopped, with the reason and the znode.',
    options: [formatOption('pretty', 'raw', 'json', 'json-pretty')],
    examples: ['pvc actor faults'],
    run: faults,
  },
  {
    path: ['actor', 'restart'],
    summary: 'Begin a stopped actor again from its record; nothing is forgotten.',
    positionals: [ADDRESS],
    examples: ['pvc actor restart node/hv1'],
    run: mend('POST', '/restart', null),
  },
  {
    path: ['actor', 'reset'],
    summary: 'Begin the machine of an actor anew: its state, timers and effects are forgotten.',
    positionals: [ADDRESS],
    options: [FORCE, YES],
    examples: ['pvc actor reset node/hv1'],
    run: mend('POST', '/reset', 'Forget the state, timers and effects of actor'),
  },
  {
    path: ['actor', 'remove'],
    summary: 'Take an actor away; letters that wait for it become dead letters.',
    positionals: [ADDRESS],
    options: [FORCE, YES],
    examples: ['pvc actor remove vm/0f3c5a10-6f5b-4b0e-8a54-0c2b6f1d2a11'],
    run: mend('DELETE', '', 'Remove actor'),
  },
];

export const deadLetterCommands: readonly Command[] = [
  {
    path: ['dead-letter', 'list'],
    summary: 'List letters that could not be stepped or delivered.',
    positionals: [{ name: 'ACTOR', required: false, help: 'Only those for this actor, e.g. vm/<uuid>.' }],
    options: [formatOption('pretty', 'raw', 'json', 'json-pretty')],
    examples: ['pvc dead-letter list', 'pvc dead-letter list node/hv1'],
    run: listDead,
  },
  {
    path: ['dead-letter', 'show'],
    summary: 'Show one dead letter whole, with the reason.',
    positionals: [LETTER],
    options: [formatOption('pretty', 'json', 'json-pretty')],
    examples: ['pvc dead-letter show node~hv1~5-op-1f'],
    run: showDead,
  },
  {
    path: ['dead-letter', 'requeue'],
    summary: 'Put a dead letter back at the end of the mailbox of its actor.',
    positionals: [LETTER],
    examples: ['pvc dead-letter requeue node~hv1~5-op-1f'],
    run: act('POST', '/requeue', null),
  },
  {
    path: ['dead-letter', 'discard'],
    summary: 'Throw a dead letter away.',
    positionals: [LETTER],
    options: [YES],
    examples: ['pvc dead-letter discard node~hv1~5-op-1f -y'],
    run: act('DELETE', '', 'Throw away the dead letter'),
  },
];

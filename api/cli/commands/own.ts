/** What PVC's client does not have: the event stream, raw calls, shell completion. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { NoAnswer, type Method, type Parameters } from '../../client/http.js';
import { openEventStream, StreamRefused } from '../../client/stream.js';
import type { PulseEvent } from '../../events/frames.js';
import { accepted, noAnswer, refusal } from '../calls.js';
import type { Command, CommandContext } from '../command.js';
import { CliError, EXIT, usageError } from '../exit.js';
import { eventLine } from '../format/event.js';
import { formatOption } from '../format/json.js';

const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] satisfies Method[];

async function events(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const api = await context.api();
  const [topics, types, since] = [values.list('topic'), values.list('type'), values.text('since')];
  let left = values.number('count') ?? Number.POSITIVE_INFINITY;
  let stop: () => void = () => undefined;
  const show = (event: PulseEvent): void => {
    if (left <= 0) return;
    left -= 1;
    terminal.print(values.text('format') === 'json' ? JSON.stringify(event) : eventLine(event, terminal.paint));
    if (left <= 0) stop();
  };
  try {
    const stream = await openEventStream(
      api.connection,
      {
        ...(topics.length > 0 ? { topics } : {}),
        ...(types.length > 0 ? { types } : {}),
        ...(since === undefined ? {} : { since }),
        ...(values.flag('snapshot') ? { snapshot: true } : {}),
      },
      {
        onEvent: show,
        onSnapshot: (items) => items.forEach(show),
        onGap: (gap) =>
          terminal.note(`Events are missing here (${gap.reason}): from ${gap.from ?? '?'} to ${gap.to ?? '?'}.`),
        onInterruption: (reason) =>
          terminal.note(reason === null ? 'Connected again.' : `Connection lost (${reason}): connecting again.`),
      },
      context.host.clock,
    );
    stop = () => stream.close();
    if (left <= 0) stop();
    const undo = context.host.onInterrupt(stop);
    await stream.ended;
    undo();
    terminal.note(`Go on from here with --since ${stream.cursor() ?? ''}`);
  } catch (error) {
    if (error instanceof NoAnswer) throw noAnswer(api, error);
    if (!(error instanceof StreamRefused)) throw error;
    if (error.status === 401 || error.status === 403)
      throw refusal(api, { status: error.status, headers: {}, body: null });
    if (error.status === 4010)
      throw new CliError(EXIT.conflict, 'That cursor is no longer held: give --snapshot too, or leave --since out.');
    throw new CliError(EXIT.failed, `The event stream was refused: ${error.message}.`, { cause: error });
  }
}

/** `name=value` or `name=@file`, repeated. */
function assignments(context: CommandContext, option: string): Parameters {
  const collected: Record<string, string[]> = {};
  for (const pair of context.values.list(option)) {
    const equals = pair.indexOf('=');
    if (equals <= 0) throw usageError(`--${option} must look like NAME=VALUE, not "${pair}".`);
    const value = pair.slice(equals + 1);
    const text = value.startsWith('@') ? readFileSync(resolve(context.host.cwd, value.slice(1)), 'utf8') : value;
    (collected[pair.slice(0, equals)] ??= []).push(text);
  }
  return collected;
}

async function raw(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const method = values.positional('METHOD').toUpperCase();
  const path = values.positional('PATH').replace(/^\/?(api\/v1(?=\/|$))?\/?/, '/');
  if (!METHODS.includes(method)) throw usageError(`METHOD must be one of ${METHODS.join(', ')}, not "${method}".`);
  const form = assignments(context, 'form');
  const reply = await accepted(await context.api(), {
    method: method as Method,
    path,
    query: assignments(context, 'query'),
    ...(Object.keys(form).length > 0 ? { form } : {}),
  });
  if (typeof reply.body === 'string') terminal.print(reply.body);
  else terminal.print(JSON.stringify(reply.body, null, values.text('format') === 'json' ? undefined : 2));
}

export const ownCommands: readonly Command[] = [
  {
    path: ['events'],
    summary: 'Print what happens in the cluster, as it happens.',
    details:
      'Goes on until Ctrl-C. A lost connection is made again without a hole. ' +
      'docs/events.md explains topics, types and fields.',
    options: [
      {
        name: 'topic',
        short: 't',
        kind: 'list',
        value: 'TOPIC[:GLOB]',
        help:
          'vm, node, osd, pool, volume, task, actor, fault or metric, of all keys or those that match. ' +
          '[default: all but metric]',
      },
      { name: 'type', kind: 'list', value: 'TYPE', help: 'Only events of this type, e.g. migrated.' },
      { name: 'since', kind: 'text', value: 'CURSOR', help: 'Begin after this cursor instead of now.' },
      { name: 'snapshot', kind: 'flag', help: 'First print the present state.' },
      { name: 'count', short: 'n', kind: 'number', value: 'N', help: 'End after N events.' },
      formatOption('pretty', 'json'),
    ],
    examples: ['pvc events', 'pvc events -t vm:web-* -f json', 'pvc events -t node --snapshot'],
    run: events,
  },
  {
    path: ['api'],
    summary: 'Make one raw call to the API and print its answer.',
    positionals: [
      { name: 'METHOD', required: true, help: `${METHODS.join(', ')}.` },
      { name: 'PATH', required: true, help: 'Below /api/v1, e.g. /vm/web1.' },
    ],
    options: [
      {
        name: 'query',
        short: 'd',
        kind: 'list',
        value: 'NAME=VALUE',
        help: 'Query parameter; NAME=@FILE reads a file.',
      },
      { name: 'form', short: 'F', kind: 'list', value: 'NAME=VALUE', help: 'Form field; NAME=@FILE reads a file.' },
      formatOption('json-pretty', 'json'),
    ],
    examples: [
      'pvc api GET /status/primary_node',
      'pvc api POST /vm/web1/state -d state=start',
      'pvc api POST /vm -F xml=@web1.xml',
    ],
    run: raw,
  },
  {
    path: ['completion'],
    summary: 'Print a completion script for the shell.',
    positionals: [{ name: 'SHELL', required: true, help: 'bash.' }],
    examples: ['source <(pvc completion bash)'],
    run: async (context) => {
      if (context.values.positional('SHELL') !== 'bash') throw usageError('There is a completion for bash only.');
      const { bashCompletion } = await import('../completion.js');
      context.terminal.print(await bashCompletion());
    },
  },
];

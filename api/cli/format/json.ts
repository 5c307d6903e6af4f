/** `-f` of every command that prints data. */
import type { CommandContext, OptionSpec } from '../command.js';

/** pretty first; PVC's choices for this kind of command. */
export const formatOption = (...choices: readonly string[]): OptionSpec => ({
  name: 'format',
  short: 'f',
  kind: 'text',
  value: 'FORMAT',
  choices,
  default: choices[0] ?? 'pretty',
  help:
    'How to print: json is one line, json-pretty is indented' +
    `${choices.includes('raw') ? ', raw is one name a line' : ''}` +
    `${choices.includes('long') ? ', long shows everything' : ''}.`,
});

/** Prints data by --format; `human` maps the other formats to their text. */
export function printFormatted(
  context: CommandContext,
  data: unknown,
  human: Readonly<Record<string, () => string>>,
): void {
  const format = context.values.text('format') ?? 'pretty';
  if (format === 'json') context.terminal.print(JSON.stringify(data));
  else if (format === 'json-pretty') context.terminal.print(JSON.stringify(data, null, 2));
  else context.terminal.print(human[format]?.() ?? '');
}

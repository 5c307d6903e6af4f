/** Help pages, made from the command table alone. */
import type { Command, Group, OptionSpec } from './command.js';
import { GLOBAL_OPTIONS } from './parse.js';

const HELP_LINE: [string, string] = ['-h, --help', 'Print this page and end.'];

/** The page of a command, a group, or (empty path) of pvc itself. */
export function helpPage(path: readonly string[], commands: readonly Command[], groups: readonly Group[]): string {
  const command = commands.find((one) => one.path.join(' ') === path.join(' '));
  return command === undefined ? groupPage(path, commands, groups) : commandPage(command);
}

function groupPage(path: readonly string[], commands: readonly Command[], groups: readonly Group[]): string {
  const title = ['pvc', ...path].join(' ');
  const listed = [
    ...groups.filter((group) => !commands.some((one) => one.path.join(' ') === group.path.join(' '))),
    ...commands,
  ];
  const inside = listed.filter(
    (one) => one.path.length === path.length + 1 && path.every((word, index) => one.path[index] === word),
  );
  const summary =
    path.length === 0
      ? 'Parallel Virtual Cluster: manage the cluster, its nodes and its virtual machines.'
      : (groups.find((one) => one.path.join(' ') === path.join(' '))?.summary ?? '');
  const sections = [
    `Usage: ${title} ${path.length === 0 ? '[OPTIONS] ' : ''}COMMAND [ARGS]...`,
    `  ${summary}`,
    section(
      'Commands',
      inside.map((one) => [one.path.at(-1) ?? '', one.summary]),
    ),
  ];
  if (path.length === 0) {
    sections.push(
      section('Options (before the command; long names anywhere)', [...GLOBAL_OPTIONS.map(optionLine), HELP_LINE]),
    );
    sections.push(section('Environment', ENVIRONMENT));
    sections.push(section('Exit codes', EXIT_CODES));
    sections.push(
      'Examples:\n  pvc cluster status\n  pvc vm list -f json-pretty\n  pvc vm migrate web1 -t hv2 --wait',
    );
  } else {
    sections.push(`"${title} COMMAND -h" explains one command.`);
  }
  return `${sections.join('\n\n')}\n`;
}

const ENVIRONMENT: readonly [string, string][] = [
  ['PVC_CONNECTION', 'Connection to use, as -c.'],
  ['PVC_DEBUG, PVC_QUIET, PVC_SILENT', 'As -v, -q, -s, when set to 1.'],
  ['PVC_UNSAFE, PVC_COLOUR', 'As -u, --colour, when set to 1.'],
  ['PVC_CLIENT_DIR', 'Folder of pvc.json, the list of connections. Default: ~/.config/pvc.'],
  ['PVC_CLIENT_DB_PERMS', 'Mode of a new pvc.json. Default: 600.'],
  ['PVC_CLIENT_VERIFY_SSL', 'Set to False to accept any certificate.'],
  ['PVC_CONFIG_FILE', 'What "local" reads. Default: /etc/pvc/pvc.conf.'],
  ['PVC_RACK_DIR', 'Where running racks are found. Default: /run/pvc-rack.'],
  ['PVC_SIM_DIR', 'Where a running simulation is found. Default: .pvc-sim in the clone.'],
];

const EXIT_CODES: readonly [string, string][] = [
  ['0 1', 'done; refused or failed'],
  ['2 3 4', 'wrong usage; not found; wrong or missing key'],
  ['5 6 7', 'API unreachable; time ran out; conflict with the present state'],
];

function commandPage(command: Command): string {
  const positionals = command.positionals ?? [];
  const options = command.options ?? [];
  const usage = [
    'Usage: pvc',
    ...command.path,
    '[OPTIONS]',
    ...positionals.map((one) => `${one.required ? one.name : `[${one.name}]`}${one.many === true ? '...' : ''}`),
  ].join(' ');
  const sections = [usage, fold(command.summary, 2)];
  if (command.details !== undefined)
    sections.push(
      command.details
        .split('\n')
        .map((line) => fold(line, 2))
        .join('\n'),
    );
  if (positionals.length > 0)
    sections.push(
      section(
        'Arguments',
        positionals.map((one) => [one.name, one.help]),
      ),
    );
  sections.push(section('Options', [...options.map(optionLine), HELP_LINE]));
  sections.push(
    `${command.examples.length > 1 ? 'Examples' : 'Example'}:\n${command.examples.map((one) => `  ${one}`).join('\n')}`,
  );
  return `${sections.join('\n\n')}\n`;
}

function optionLine(option: OptionSpec): [string, string] {
  const names = [
    [option.short, option.off?.short]
      .filter((one) => one !== undefined)
      .map((one) => `-${one}`)
      .join('/'),
    option.alias ?? '',
    `--${option.name}${option.off === undefined ? '' : `/--${option.off.name}`}`,
  ]
    .filter((one) => one !== '')
    .join(', ');
  const value =
    option.kind === 'text' || option.kind === 'number' || option.kind === 'list'
      ? ` ${option.value ?? (option.choices === undefined ? 'VALUE' : `[${option.choices.join('|')}]`)}`
      : '';
  const choices =
    option.choices !== undefined && option.value !== undefined ? ` One of ${option.choices.join(', ')}.` : '';
  const remarks = [
    option.required === true ? ' [required]' : '',
    option.kind === 'list' ? ' May be repeated.' : '',
    option.default === undefined ? '' : ` [default: ${option.default}]`,
  ].join('');
  return [`${names}${value}`, `${option.help}${choices}${remarks}`];
}

function section(title: string, lines: readonly (readonly [string, string])[]): string {
  const width = Math.min(30, Math.max(...lines.map(([left]) => left.length)));
  const body = lines.map(([left, right]) => {
    const text = fold(right, width + 4).trimStart();
    return left.length > width ? `  ${left}\n${' '.repeat(width + 4)}${text}` : `  ${left.padEnd(width)}  ${text}`;
  });
  return `${title}:\n${body.join('\n')}`;
}

/** Breaks a text into lines of at most 100 columns, indented. */
function fold(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > 100) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.map((one) => `${' '.repeat(indent)}${one}`).join('\n');
}

/** From arguments to a command and its values, by the command table. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Command, GlobalOptions, Group, OptionSpec, Positional, Values } from './command.js';
import { usageError } from './exit.js';
import { nearMiss } from '../near-miss.js';

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'connection',
    short: 'c',
    kind: 'text',
    value: 'NAME',
    help: 'Cluster to talk to: a name of "pvc connection list", "local", "sim", or "rack:<name>".',
  },
  { name: 'debug', short: 'v', kind: 'flag', help: 'Print each call to the API as an equivalent curl command.' },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'No remarks on stderr (errors stay).' },
  { name: 'silent', short: 's', kind: 'flag', help: 'Print nothing at all; the exit code tells.' },
  { name: 'unsafe', short: 'u', kind: 'flag', help: 'Ask for no confirmation, as if every command had -y.' },
  { name: 'colour', kind: 'flag', help: 'Colours even if stdout is no terminal; --color is the same.' },
  { name: 'version', kind: 'flag', help: 'Print the version and end.' },
];

const HELP: OptionSpec = { name: 'help', short: 'h', kind: 'flag', help: 'Print this page and end.' };

export type Parsed =
  | { readonly kind: 'run'; readonly command: Command; readonly values: Values; readonly globals: GlobalOptions }
  | { readonly kind: 'help'; readonly path: readonly string[] }
  | { readonly kind: 'version' };

interface Raw {
  readonly values: Map<string, (string | boolean)[]>;
  readonly positionals: string[];
}

/** Throws a usage error that names the nearest legal word. */
export function parse(
  argv: readonly string[],
  commands: readonly Command[],
  groups: readonly Group[],
  env: Readonly<Record<string, string | undefined>>,
): Parsed {
  const start = commandStart(argv);
  const leading = readOptions(argv.slice(0, start), GLOBAL_OPTIONS, 'pvc');
  if (leading.values.has('version')) return { kind: 'version' };
  const { path, rest } = walk(argv.slice(start), commands, groups);
  const command = commands.find((one) => same(one.path, path));
  if (leading.values.has('help') || command === undefined) {
    if (command === undefined) refuseGroupOptions(path, rest);
    return { kind: 'help', path };
  }
  const own = command.options ?? [];
  const globalsHere = GLOBAL_OPTIONS.filter((one) => !own.some((other) => other.name === one.name)).map(
    ({ short: _short, ...option }) => option,
  );
  const title = `pvc ${path.join(' ')}`;
  const raw = readOptions(rest, [...own, ...globalsHere], title);
  if (raw.values.has('help')) return { kind: 'help', path };
  if (raw.values.has('version')) return { kind: 'version' };
  const globals = globalsOf(leading, { ...raw, values: without(raw.values, own) }, env);
  return { kind: 'run', command, values: valuesOf(command, raw, title), globals };
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((word, i) => word === b[i]);

function without(values: Raw['values'], own: readonly OptionSpec[]): Raw['values'] {
  return new Map([...values].filter(([name]) => !own.some((option) => option.name === name)));
}

/** The word that says which area of commands is meant. */
export const firstWord = (argv: readonly string[]): string | undefined => argv[commandStart(argv)];

/** Index of the first word that is neither a global option nor the value of -c. */
function commandStart(argv: readonly string[]): number {
  let index = 0;
  while (index < argv.length && argv[index]?.startsWith('-') === true) {
    index += argv[index] === '-c' || argv[index] === '--connection' ? 2 : 1;
  }
  return Math.min(index, argv.length);
}

/** Follows the words of groups and commands as far as they go. */
function walk(
  words: readonly string[],
  commands: readonly Command[],
  groups: readonly Group[],
): { path: string[]; rest: string[] } {
  const path: string[] = [];
  let rest = [...words];
  while (!commands.some((one) => same(one.path, path))) {
    const word = rest[0];
    if (word === undefined || word.startsWith('-')) return { path, rest };
    const legal = nextWords(path, commands, groups);
    if (!legal.includes(word)) {
      const guess = nearMiss(word, legal);
      const prefix = ['pvc', ...path].join(' ');
      throw usageError(
        `There is no command "${prefix} ${word}"${guess === null ? '.' : `: did you mean "${prefix} ${guess}"?`}` +
          ` "${prefix} -h" lists what there is.`,
      );
    }
    path.push(word);
    rest = rest.slice(1);
  }
  return { path, rest };
}

/** The words that may follow a path. */
export function nextWords(path: readonly string[], commands: readonly Command[], groups: readonly Group[]): string[] {
  const entries = [...groups, ...commands].filter(
    (one) => one.path.length === path.length + 1 && same(one.path.slice(0, -1), path),
  );
  return [...new Set(entries.map((one) => one.path.at(-1) ?? ''))];
}

/** `pvc vm`, `pvc vm -h`: help; `pvc vm --frobnicate`: an error. */
function refuseGroupOptions(path: readonly string[], rest: readonly string[]): void {
  readOptions(rest, [], ['pvc', ...path].join(' '));
}

function readOptions(args: readonly string[], specs: readonly OptionSpec[], title: string): Raw {
  const known = new Map<string, { spec: OptionSpec; on: boolean }>();
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const spec of [...specs, HELP]) {
    const takesValue = spec.kind === 'text' || spec.kind === 'number' || spec.kind === 'list';
    options[spec.name] = {
      type: takesValue ? 'string' : 'boolean',
      multiple: true,
      ...(spec.short ? { short: spec.short } : {}),
    };
    known.set(spec.name, { spec, on: true });
    if (spec.off === undefined) continue;
    options[spec.off.name] = {
      type: 'boolean',
      multiple: true,
      ...(spec.off.short ? { short: spec.off.short } : {}),
    };
    known.set(spec.off.name, { spec, on: false });
  }
  const { tokens } = parseArgs({
    args: respell(args, specs),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const raw: Raw = { values: new Map(), positionals: [] };
  for (const token of tokens) {
    if (token.kind === 'positional') raw.positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const found = known.get(token.name);
    if (found === undefined) throw unknownOption(token.rawName, [...known.keys()], title);
    const { spec, on } = found;
    const takesValue = options[token.name]?.type === 'string';
    if (takesValue && token.value === undefined)
      throw usageError(`${token.rawName} needs a value: see "${title} -h".`);
    if (!takesValue && token.value !== undefined)
      throw usageError(`${token.rawName} takes no value: see "${title} -h".`);
    raw.values.set(spec.name, [...(raw.values.get(spec.name) ?? []), takesValue ? (token.value ?? '') : on]);
  }
  return raw;
}

/** PVC's spellings that parseArgs does not know: `-ds X`, `--color`. */
function respell(args: readonly string[], specs: readonly OptionSpec[]): string[] {
  return args.map((arg) => {
    if (arg === '--color') return '--colour';
    const spec = specs.find((one) => one.alias === arg);
    return spec === undefined ? arg : `--${spec.name}`;
  });
}

function unknownOption(rawName: string, known: readonly string[], title: string): Error {
  const guess = rawName.startsWith('--') ? nearMiss(rawName.slice(2), known) : null;
  return usageError(
    `${title} has no option ${rawName}${guess === null ? '.' : `: did you mean --${guess}?`} See "${title} -h".`,
  );
}

function globalsOf(leading: Raw, trailing: Raw, env: Readonly<Record<string, string | undefined>>): GlobalOptions {
  const given = (name: string): boolean => leading.values.has(name) || trailing.values.has(name);
  const set = (variable: string): boolean =>
    !['', '0', 'false', 'no', undefined].includes(env[variable]?.toLowerCase());
  const connection =
    trailing.values.get('connection')?.at(-1) ?? leading.values.get('connection')?.at(-1) ?? env['PVC_CONNECTION'];
  return {
    connection: typeof connection === 'string' && connection !== '' ? connection : null,
    debug: given('debug') || set('PVC_DEBUG'),
    quiet: given('quiet') || set('PVC_QUIET'),
    silent: given('silent') || set('PVC_SILENT'),
    unsafe: given('unsafe') || set('PVC_UNSAFE'),
    colour: given('colour') || set('PVC_COLOUR'),
  };
}

function valuesOf(command: Command, raw: Raw, title: string): Values {
  const positionals = assignPositionals(command.positionals ?? [], raw.positionals, title);
  for (const spec of command.options ?? []) checkOption(spec, raw.values.get(spec.name), title);
  const last = (name: string): string | boolean | undefined =>
    raw.values.get(name)?.at(-1) ?? defaultOf(command, name);
  return {
    positional: (name) => positionals.get(name)?.[0] ?? '',
    positionals: (name) => positionals.get(name) ?? [],
    text: (name) => last(name)?.toString(),
    number: (name) => (last(name) === undefined ? undefined : Number(last(name))),
    flag: (name) => last(name) === true,
    toggle: (name) => (typeof last(name) === 'boolean' ? last(name) === true : undefined),
    list: (name) => (raw.values.get(name) ?? []).map(String),
  };
}

function defaultOf(command: Command, name: string): string | undefined {
  return command.options?.find((option) => option.name === name)?.default?.toString();
}

function assignPositionals(
  specs: readonly Positional[],
  given: readonly string[],
  title: string,
): Map<string, string[]> {
  const assigned = new Map<string, string[]>();
  const rest = [...given];
  for (const spec of specs) {
    const values = spec.many === true ? rest.splice(0) : rest.splice(0, 1);
    if (spec.required && values.length === 0)
      throw usageError(`${title} needs ${spec.name}: ${spec.help} See "${title} -h".`);
    assigned.set(spec.name, values);
  }
  if (rest.length > 0) throw usageError(`${title} does not know what to do with "${rest[0]}": see "${title} -h".`);
  return assigned;
}

function checkOption(spec: OptionSpec, values: readonly (string | boolean)[] | undefined, title: string): void {
  if (spec.required === true && values === undefined) throw usageError(`${title} needs --${spec.name}: ${spec.help}`);
  for (const value of values ?? []) {
    if (spec.kind === 'number' && !/^-?\d+(\.\d+)?$/.test(String(value))) {
      throw usageError(`--${spec.name} must be a number, not "${String(value)}".`);
    }
    if (spec.choices !== undefined && !spec.choices.includes(String(value))) {
      const guess = nearMiss(String(value), spec.choices);
      throw usageError(
        `--${spec.name} must be one of ${spec.choices.join(', ')}, not "${String(value)}"` +
          `${guess === null ? '' : ` (did you mean ${guess}?)`}.`,
      );
    }
  }
}

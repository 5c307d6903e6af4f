/** Everything the CLI prints and asks: quiet, silent, colour and prompts in one place. */
import type { CliHost } from './host.js';
import { CliError, EXIT } from './exit.js';

export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'purple' | 'cyan' | 'bold';

const CODES: Readonly<Record<Colour, string>> = {
  red: '\u001b[91m',
  green: '\u001b[92m',
  yellow: '\u001b[93m',
  blue: '\u001b[94m',
  purple: '\u001b[95m',
  cyan: '\u001b[96m',
  bold: '\u001b[1m',
};
const END = '\u001b[0m';

export type Paint = (colour: Colour | null, text: string) => string;

export interface Terminal {
  readonly paint: Paint;
  /** True when stdout is a terminal. */
  readonly interactive: boolean;
  /** Result of the command, to stdout. */
  print(text: string): void;
  /** Without a newline. */
  write(text: string): void;
  /** Remark, to stderr; left out with --quiet. */
  note(text: string): void;
  /** Error, to stderr; left out with --silent only. */
  error(text: string): void;
  /** A line that the next one replaces, on a terminal only; '' removes it. */
  progress(text: string): void;
  /** Long text: through $PAGER on a terminal. */
  page(text: string): Promise<void>;
  /** Asks `<question> [y/N]?`; throws the end of the command unless the answer is yes. */
  confirm(question: string): Promise<void>;
  ask(question: string): Promise<boolean>;
}

export function createTerminal(
  host: CliHost,
  options: { quiet: boolean; silent: boolean; colour: boolean },
): Terminal {
  const coloured = options.colour || (host.stdout.isTTY === true && host.env['NO_COLOR'] === undefined);
  const out = (text: string): void => {
    if (!options.silent) host.stdout.write(text);
  };
  const err = (text: string): void => {
    if (!options.silent && !options.quiet) host.stderr.write(text);
  };
  const showsProgress = host.stderr.isTTY === true && !options.silent && !options.quiet;

  async function ask(question: string): Promise<boolean> {
    host.stderr.write(`${question} [y/N]? `);
    return /^y(es)?$/i.test((await readLine(host)).trim());
  }
  return {
    paint: (colour, text) => (coloured && colour !== null && text !== '' ? `${CODES[colour]}${text}${END}` : text),
    interactive: host.stdout.isTTY === true,
    print: (text) => out(text.endsWith('\n') ? text : `${text}\n`),
    write: out,
    note: (text) => err(`${text}\n`),
    error: (text) => {
      if (!options.silent) host.stderr.write(`${text}\n`);
    },
    progress: (text) => {
      if (showsProgress) host.stderr.write(`\r\u001b[K${text}`);
    },
    async page(text) {
      const pager = host.env['PAGER'] ?? 'less -R -F -X';
      if (host.stdout.isTTY !== true || options.silent || pager === 'cat') {
        out(text.endsWith('\n') || text === '' ? text : `${text}\n`);
      } else if ((await host.runInteractive('/bin/sh', ['-c', pager], text)) === 127) {
        out(`${text}\n`);
      }
    },
    ask,
    async confirm(question) {
      if (!(await ask(question))) {
        throw new CliError(EXIT.failed, 'Aborted: nothing was changed (answer y, or give -y to skip the question).');
      }
    },
  };
}

/** One line of stdin; '' at its end. */
function readLine(host: CliHost): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (): void => {
      host.stdin.off('data', onData).off('end', finish);
      host.stdin.pause();
      resolve(text.split('\n', 1)[0] ?? '');
    };
    const onData = (chunk: Buffer | string): void => {
      text += String(chunk);
      if (text.includes('\n')) finish();
    };
    host.stdin.on('data', onData).on('end', finish);
    host.stdin.resume();
  });
}

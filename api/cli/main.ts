/** `pvc`: arguments in, exit code out. */
import type { ApiClient } from '../client/http.js';
import { originOf, type Connection } from '../client/connection.js';
import { commandsOf, GROUPS } from './areas.js';
import type { CommandContext, GlobalOptions } from './command.js';
import { CliError, EXIT, type ExitCode } from './exit.js';
import type { CliHost } from './host.js';
import { firstWord, parse } from './parse.js';
import { createTerminal, type Terminal } from './terminal.js';

export interface CliVersion {
  readonly version: string;
}

/** Runs one invocation. Never throws for what a user did wrong; a defect of ours does throw. */
export async function runCli(host: CliHost, { version }: CliVersion): Promise<ExitCode> {
  let terminal = createTerminal(host, { quiet: false, silent: false, colour: false });
  try {
    const commands = await commandsOf(firstWord(host.argv));
    const parsed = parse(host.argv, commands, GROUPS, host.env);
    if (parsed.kind === 'help') {
      const { helpPage } = await import('./help.js');
      terminal.print(helpPage(parsed.path, commands, GROUPS));
      return EXIT.ok;
    }
    if (parsed.kind === 'version') {
      terminal.print(`Parallel Virtual Cluster CLI client version ${version}`);
      return EXIT.ok;
    }
    terminal = createTerminal(host, parsed.globals);
    await parsed.command.run(contextOf(host, terminal, parsed.globals, parsed.values, version));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error.message !== '') terminal.error(error.message);
    return error.exitCode;
  }
}

function contextOf(
  host: CliHost,
  terminal: Terminal,
  globals: GlobalOptions,
  values: CommandContext['values'],
  version: string,
): CommandContext {
  const apiFor = async (connection: Connection): Promise<ApiClient> => {
    const { createApiClient } = await import('../client/http.js');
    return createApiClient(connection, {
      clock: host.clock,
      userAgent: `pvc-cli/${version}`,
      ...(globals.debug ? { trace: (line: string) => host.stderr.write(`${line}\n`) } : {}),
    });
  };
  let chosen: Promise<ApiClient> | null = null;
  const choose = async (): Promise<ApiClient> => {
    const { chooseConnection } = await import('./local.js');
    const connection = await chooseConnection(host, globals.connection);
    // PVC prints this always; on a terminal it helps, in a script's stderr it is noise.
    if (host.stderr.isTTY === true) {
      const remark = connection.description === '' ? '' : ` (${connection.description})`;
      terminal.note(`Using connection "${connection.name}" - ${originOf(connection)}${remark}\n`);
    }
    return await apiFor(connection);
  };
  return { values, globals, terminal, host, apiFor, api: () => (chosen ??= choose()) };
}

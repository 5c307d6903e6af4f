/** What a command is: one entry of the table from which parsing, help and completion are made. */
import type { ApiClient } from '../client/http.js';
import type { Connection } from '../client/connection.js';
import type { Terminal } from './terminal.js';
import type { CliHost } from './host.js';

export interface OptionSpec {
  /** Long name, without dashes. */
  readonly name: string;
  readonly short?: string;
  /** PVC's two-letter spellings, e.g. `-ds`. */
  readonly alias?: string;
  /** flag: present or not. switch: on, off or unset. list: may be repeated. */
  readonly kind: 'flag' | 'switch' | 'text' | 'number' | 'list';
  /** The opposite spelling of a switch. */
  readonly off?: { readonly name: string; readonly short?: string };
  readonly choices?: readonly string[];
  readonly default?: string | number;
  readonly required?: boolean;
  /** Placeholder in the help, e.g. NODE. */
  readonly value?: string;
  readonly help: string;
}

export interface Positional {
  readonly name: string;
  readonly required: boolean;
  readonly many?: boolean;
  readonly help: string;
}

export interface Command {
  /** E.g. ['vm', 'tag', 'add']. */
  readonly path: readonly string[];
  readonly summary: string;
  /** More sentences for the help page. */
  readonly details?: string;
  readonly positionals?: readonly Positional[];
  readonly options?: readonly OptionSpec[];
  /** At least one; the first is what a user most likely wants. */
  readonly examples: readonly string[];
  run(context: CommandContext): Promise<void>;
}

/** A word that only holds commands, e.g. `vm`. */
export interface Group {
  readonly path: readonly string[];
  readonly summary: string;
}

/** The parsed values of one invocation. */
export interface Values {
  /** A positional, '' if it was left out. */
  positional(name: string): string;
  positionals(name: string): readonly string[];
  text(option: string): string | undefined;
  number(option: string): number | undefined;
  flag(option: string): boolean;
  /** undefined when neither spelling was given. */
  toggle(option: string): boolean | undefined;
  list(option: string): readonly string[];
}

export interface GlobalOptions {
  readonly connection: string | null;
  readonly debug: boolean;
  readonly quiet: boolean;
  readonly silent: boolean;
  readonly unsafe: boolean;
  readonly colour: boolean;
}

export interface CommandContext {
  readonly values: Values;
  readonly globals: GlobalOptions;
  readonly terminal: Terminal;
  readonly host: CliHost;
  /** Finds the connection (announcing it on a terminal) and makes a client for it. */
  api(): Promise<ApiClient>;
  /** A client for a named connection, without announcement. */
  apiFor(connection: Connection): Promise<ApiClient>;
}

/** What the CLI needs of the process it runs in. Only api/bin/pvc.ts makes one. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../runtime/clock.js';

export interface CliHost {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Short host name: PVC's default NODE. */
  readonly hostname: string;
  /** Top folder of the clone or package this program runs from: tells "our" rack from others. */
  readonly home: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly clock: Clock;
  /** Runs a program on the user's terminal, `input` on its stdin if given; resolves with its exit status. */
  runInteractive(file: string, args: readonly string[], input?: string): Promise<number>;
  /** Throws when the text is no YAML. */
  parseYaml(text: string): Promise<unknown>;
  /** Calls back at Ctrl-C; returns the undo. */
  onInterrupt(callback: () => void): () => void;
}

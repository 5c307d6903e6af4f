/** What Ceph's commands are given and what they print, brought into shape. */
import type { CephCommand } from './connection.js';

/** Parameters that Ceph takes as floating numbers: it refuses `86400` there ("bad or missing field"), not `86400.0`. */
const FLOATS: ReadonlySet<string> = new Set(['expire', 'weight', 'ratio', 'max_change']);

/** A command as JSON; the reply is asked for in JSON unless the command says otherwise. */
export function commandText(command: CephCommand['command']): string {
  const parts = Object.entries({ format: 'json', ...command }).map(([name, value]) => {
    const isFloat = FLOATS.has(name) && Number.isInteger(value);
    return `${JSON.stringify(name)}:${isFloat ? Number(value).toFixed(1) : JSON.stringify(value)}`;
  });
  return `{${parts.join(',')}}`;
}

/** Where the JSON value that begins at `start` ends, or -1. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === '\\') at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '[' || char === '{') depth += 1;
    else if ((char === ']' || char === '}') && --depth === 0) return at + 1;
  }
  return -1;
}

function parsed(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** Values in a row, as some commands print them (`osd blocklist ls`: addresses, then ranges); null = no JSON. */
function severalValues(text: string): readonly unknown[] | null {
  const values: unknown[] = [];
  let rest = text;
  while (rest !== '') {
    const end = endOfValue(rest, 0);
    const one = end < 0 ? null : parsed(rest.slice(0, end));
    if (one === null) return null;
    values.push(one.value);
    rest = rest.slice(end).trim();
  }
  return values;
}

/**
 * null for nothing; the value of JSON; an array of the values where several stand in a row; the text itself where it
 * is none of these.
 */
export function parseReply(text: string): unknown {
  const whole = text.trim();
  if (whole === '') return null;
  const one = parsed(whole);
  if (one !== null) return one.value;
  return (/^[[{]/.test(whole) ? severalValues(whole) : null) ?? text;
}

export interface BlocklistEntry {
  /** `10.0.0.1:0/0` is every client of that address. */
  readonly address: string;
  /** When it runs out, as Ceph writes it. */
  readonly until: string;
}

/** The output of `osd blocklist ls`: of every version, ranges included (`10.0.0.0:0/24`). */
export function blocklistEntries(output: unknown): readonly BlocklistEntry[] {
  const flat = Array.isArray(output) ? output.flat() as unknown[] : [];
  return flat.flatMap((entry) => {
    const { addr, range, until } = (entry ?? {}) as { addr?: unknown; range?: unknown; until?: unknown };
    const address = addr ?? range;
    return typeof address === 'string' ? [{ address, until: typeof until === 'string' ? until : '' }] : [];
  });
}

/** Whether an entry, other than a range, is about this client: its very instance, or every client of its address. */
export const isAbout = (entry: BlocklistEntry, client: string): boolean =>
  entry.address === client || entry.address === `${client.replace(/:\d+\/\d+$/, '')}:0/0`;

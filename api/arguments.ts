/**
 * PVC's arguments: query and body (form or JSON) are one set of names; repeated keys are lists; booleans are
 * strtobool's words. After `readArguments` a request's `query` holds typed values, ready for its schema.
 */
import { invalid } from './faults.js';
import { nearMiss } from './near-miss.js';

type Arguments = Record<string, unknown>;

interface Property {
  readonly type?: string | readonly string[];
  readonly items?: Property;
}
interface ArgumentsSchema {
  readonly properties?: Readonly<Record<string, Property>>;
}

const TRUE_WORDS = new Set(['y', 'yes', 't', 'true', 'on', '1']);
const FALSE_WORDS = new Set(['n', 'no', 'f', 'false', 'off', '0']);
const NAMES_MAX = 64;

const shown = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}...` : text);

function decodedText(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw invalid('The body is not valid UTF-8');
  }
}

function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalid(`The arguments are not valid UTF-8: ${shown(text)}`);
  }
}

/** `a=1&b=x&b=y`. Never throws by itself: Fastify calls it where a throw has no answer; the fault is kept for later. */
export function parseQuery(text: string): Arguments {
  try {
    return parsePairs(text);
  } catch (error) {
    return { [FAULT]: error };
  }
}

const FAULT = Symbol('fault');

export const parseForm = (body: Uint8Array): Arguments => parsePairs(decodedText(body));

function parsePairs(text: string): Arguments {
  const result: Arguments = Object.create(null) as Arguments;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodedPart(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decodedPart(pair.slice(equals + 1));
    const before = result[name];
    result[name] =
      before === undefined ? value : Array.isArray(before) ? [...(before as unknown[]), value] : [before, value];
  }
  return result;
}

/** An empty body is no arguments. */
export function parseJson(body: Uint8Array): Arguments {
  const text = decodedText(body);
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('The body is not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('The body must be a JSON object');
  return value as Arguments;
}

/** Merges and types the arguments of a request by the schema of its route. Throws PVC_INVALID naming the argument. */
export function readArguments(query: unknown, body: unknown, schema: ArgumentsSchema): Arguments {
  const fault = (query as { [FAULT]?: unknown } | null)?.[FAULT];
  if (fault !== undefined) throw fault;
  const properties = schema.properties ?? {};
  const merged: Arguments = {};
  for (const source of [query, body]) {
    if (typeof source !== 'object' || source === null) continue;
    const names = Object.keys(source);
    if (names.length > NAMES_MAX) throw invalid(`More than ${NAMES_MAX} arguments`);
    for (const name of names) {
      if (!Object.hasOwn(properties, name)) throw invalid(unknownText(name, Object.keys(properties)));
      const value = (source as Arguments)[name];
      if (value === null || value === undefined) continue;
      const typed = coerce(name, value, properties[name] ?? {});
      if (Object.hasOwn(merged, name) && JSON.stringify(merged[name]) !== JSON.stringify(typed)) {
        throw invalid(`The argument '${name}' is given twice, with different values`);
      }
      merged[name] = typed;
    }
  }
  return merged;
}

function unknownText(name: string, known: readonly string[]): string {
  const near = nearMiss(name, known);
  const hint =
    near !== null
      ? `: did you mean '${near}'?`
      : known.length === 0
        ? ': there are none here'
        : `: the arguments here are ${known.join(', ')}`;
  return `Unknown argument '${shown(name)}'${hint}`;
}

function coerce(name: string, value: unknown, property: Property): unknown {
  if (property.type === 'array') {
    return (Array.isArray(value) ? (value as unknown[]) : [value]).map((one) =>
      coerce(name, one, property.items ?? {}),
    );
  }
  if (Array.isArray(value)) {
    if (value.length !== 1) throw invalid(`The argument '${name}' is given more than once`);
    return coerce(name, value[0], property);
  }
  if (property.type === 'boolean') return toBoolean(name, value);
  if (property.type === 'integer') return toInteger(name, value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') throw invalid(`The argument '${name}' must be a text`);
  return value;
}

function toBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  const word = String(value).toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  throw invalid(`The argument '${name}' must be true or false (yes/no, on/off, 1/0), not '${shown(String(value))}'`);
}

function toInteger(name: string, value: unknown): number {
  const text = String(value).trim();
  if (!/^-?\d{1,15}$/.test(text))
    throw invalid(`The argument '${name}' must be a whole number, not '${shown(String(value))}'`);
  return Number(text);
}

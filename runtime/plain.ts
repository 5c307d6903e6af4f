/**
 * Plain JSON, the only thing that a context, an event or an effect's parameters may hold: null, true and false, texts,
 * finite numbers, lists and maps. A field that is undefined counts as absent, as in JSON; in a list it does not.
 */

/** Deeper than any context is; a cycle gets there too. */
const DEPTH_MAX = 64;

/**
 * The first thing that is no plain JSON, in words (`context.since is a Date`), or null. What is the same object as in
 * `before` was looked at when it came in and is passed over: a step pays for what it changed.
 */
export function notPlain(value: unknown, where: string, before?: unknown, depth = 0): string | null {
  if (value === null || value === before) return null;
  switch (typeof value) {
    case 'string': case 'boolean': return null;
    case 'number': return Number.isFinite(value) ? null : `${where} is ${String(value)}`;
    case 'object': break;
    default: return `${where} is ${value === undefined ? 'undefined' : `a ${typeof value}`}`;
  }
  if (depth >= DEPTH_MAX) return `${where.slice(0, 60)}... is deeper than ${DEPTH_MAX} levels, or holds itself`;
  const earlier = typeof before === 'object' && before !== null ? before as Record<string, unknown> : undefined;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const item: unknown = value[index];
      if (isSimple(item) || (earlier !== undefined && item === earlier[index] && item !== undefined)) continue;
      const wrong = notPlain(item, `${where}[${index}]`, earlier?.[index], depth + 1);
      if (wrong !== null || item === undefined) return wrong ?? `${where}[${index}] is undefined`;
    }
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `${where} is a ${className(prototype)}`;
  const fields = value as Record<string, unknown>;
  for (const name in fields) {
    const field = fields[name];
    if (field === undefined || isSimple(field) || (earlier !== undefined && field === earlier[name])) continue;
    const wrong = notPlain(field, `${where}.${name}`, earlier?.[name], depth + 1);
    if (wrong !== null) return wrong;
  }
  return null;
}

const isSimple = (value: unknown): boolean => typeof value === 'string' || typeof value === 'boolean' || value === null;

const className = (prototype: unknown): string =>
  (prototype as { readonly constructor?: { readonly name?: string } }).constructor?.name || 'class instance';

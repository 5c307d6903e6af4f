/** Reads a client's frame: anything may come in; out comes a frame or the fault, named. Pure. */
import { nearMiss } from '../near-miss.js';
import { EVENT_LIMITS, TOPICS, type ClientFrame, type Topic } from './frames.js';

export type ReadFrame =
  | { readonly ok: true; readonly frame: ClientFrame }
  | { readonly ok: false; readonly id?: string; readonly message: string };

/** One `topic` or `topic:glob`. */
export interface TopicFilter {
  readonly topic: Topic;
  matches(key: string): boolean;
}

const FIELDS: Readonly<Record<ClientFrame['frame'], readonly string[]>> = {
  subscribe: ['frame', 'id', 'topics', 'types', 'since', 'snapshot'],
  unsubscribe: ['frame', 'id'],
  ping: ['frame', 'id'],
};
const TEXT_MAX = 256;

const isText = (value: unknown, most = TEXT_MAX): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= most;
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= EVENT_LIMITS.topicsPerSubscription &&
  value.every((one) => isText(one));

export function readClientFrame(text: string): ReadFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, message: 'The frame is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ok: false, message: 'The frame is not a JSON object' };
  const fields = value as Record<string, unknown>;
  const kind = fields['frame'];
  const id = isText(fields['id'], 64) ? { id: fields['id'] } : {};
  const known =
    typeof kind === 'string' && Object.hasOwn(FIELDS, kind) ? FIELDS[kind as ClientFrame['frame']] : undefined;
  if (known === undefined) {
    return { ok: false, ...id, message: `Unknown frame ${shown(kind)}: subscribe, unsubscribe and ping are known` };
  }
  const fault = faultOf(kind as ClientFrame['frame'], fields, known);
  return fault === null
    ? { ok: true, frame: fields as unknown as ClientFrame }
    : { ok: false, ...id, message: fault };
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'without a name';

const meant = (near: string | null, otherwise: string): string =>
  near === null ? otherwise : `: did you mean '${near}'?`;

function faultOf(
  kind: ClientFrame['frame'],
  fields: Record<string, unknown>,
  known: readonly string[],
): string | null {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    return `Unknown field '${unknown.slice(0, 40)}' in a ${kind} frame${meant(nearMiss(unknown, known), '')}`;
  }
  if ((kind !== 'ping' || fields['id'] !== undefined) && !isText(fields['id'], 64))
    return 'The field id must be a text of 1 to 64 characters';
  if (kind !== 'subscribe') return null;
  const { topics, types, since, snapshot } = fields;
  if (topics !== undefined && !isTexts(topics)) return 'The field topics must be a list of 1 to 64 texts';
  if (types !== undefined && !isTexts(types)) return 'The field types must be a list of 1 to 64 texts';
  if (since !== undefined && !isText(since, 512)) return 'The field since must be a cursor';
  if (snapshot !== undefined && typeof snapshot !== 'boolean') return 'The field snapshot must be true or false';
  return null;
}

/** A text names the fault. Without topics: all but metric. */
export function topicFilters(topics: readonly string[] | undefined): readonly TopicFilter[] | string {
  const filters: TopicFilter[] = [];
  for (const text of topics ?? TOPICS.filter((topic) => topic !== 'metric')) {
    const colon = text.indexOf(':');
    const topic = colon < 0 ? text : text.slice(0, colon);
    if (!(TOPICS as readonly string[]).includes(topic)) {
      const all = `: they are ${TOPICS.join(', ')}`;
      return `Unknown topic '${topic.slice(0, 40)}'${meant(nearMiss(topic, TOPICS), all)}`;
    }
    const glob = colon < 0 ? '*' : text.slice(colon + 1);
    filters.push({ topic: topic as Topic, matches: globMatcher(glob) });
  }
  return filters;
}

/** `*` any run, `?` one character. Linear in time: no regular expression that could backtrack. */
export function globMatcher(glob: string): (text: string) => boolean {
  if (glob === '*') return () => true;
  return (text) => {
    let at = 0;
    let star = -1;
    let resume = 0;
    let index = 0;
    while (index < text.length) {
      if (at < glob.length && (glob[at] === '?' || (glob[at] === text[index] && glob[at] !== '*'))) {
        at += 1;
        index += 1;
      } else if (glob[at] === '*') {
        star = at;
        resume = index;
        at += 1;
      } else if (star >= 0) {
        at = star + 1;
        resume += 1;
        index = resume;
      } else return false;
    }
    while (glob[at] === '*') at += 1;
    return at === glob.length;
  };
}

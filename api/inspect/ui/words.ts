/** Small texts and tones. A tone is never the only sign: the state's name is always there. */
import type { ActorView } from './model.js';

const two = (value: number): string => String(value).padStart(2, '0');

/** Local time of a step, to the second. */
export function clockText(at: number | null): string {
  if (at === null) return '';
  const time = new Date(at);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

const GOOD = /^(running|alive|ready|active|fenced$)/;
const BUSY = /^(starting|migrating|stopping|observing|recovering|ended|flushing|rejoining|joining|unflushing)/;
const BAD = /(fail|fencing|suspect|dead|lost)/i;
const REST = /^(off|removed|flushed|stopped|disabled|absent|unknown)/;

export function tone({ state, fault, waiting }: Pick<ActorView, 'state' | 'fault' | 'waiting'>): string {
  if (fault !== null || BAD.test(state)) return 'bad';
  if (waiting !== null) return 'warn';
  if (GOOD.test(state)) return 'good';
  if (BUSY.test(state)) return 'busy';
  return REST.test(state) ? 'rest' : 'plain';
}

/** Small texts and tones. A tone is never the only sign: the state's name is always there. */
import type { ActorView } from './model.js';

const two = (value: number): string => String(value).padStart(2, '0');

/** Local time of a step, to the second. */
export function clockText(at: number | null): string {
  if (at === null) return '';
  const time = new Date(at);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

const GOOD = /^(running|alive|ready|active|serving|available|finished)/;
/** Of VMs and nodes, then of OSDs, pools, volumes and benchmarks: something is being done. */
const BUSY = new RegExp('^(starting|migrating|stopping|observing|recovering|ended|flushing|readying|changing'
  + '|checking|leaving|building|refreshing|sharing|burying|removing|undoing'
  + '|creating|cloning|filling|resizing|renaming|flattening|snapshotting|dropping|rollingBack|scanning|looking'
  + '|preparing|testing|cleaning)');
const WARN = /^(judging|proved)|waiting|blocked|backingOff/;
const BAD = /fail|fencing|stuck/i;
const REST = /^(off|removed|flushed|unknown)/;

/** The active states of an actor; of parallel regions each without the region's own name. */
export function regionsOf(state: string): readonly string[] {
  const paths = state.split('|');
  return paths.length === 1 ? paths : paths.map((path) => path.slice(path.indexOf('.') + 1));
}

/** Lets a long dotted name break after its dots. */
export const breakable = (text: string): string => text.replaceAll('.', '.\u200b');

/** `a → b`; of parallel regions only those that moved; the state itself where none did. */
export function moveText(from: string, to: string): string {
  if (from === '') return `new → ${to}`;
  const before = new Set(from.split('|'));
  const now = new Set(to.split('|'));
  const left = [...before].filter((path) => !now.has(path));
  const entered = [...now].filter((path) => !before.has(path));
  return left.length + entered.length === 0 ? to : `${left.join(', ')} → ${entered.join(', ')}`;
}

export function tone(state: string, { fault, waiting }: Pick<ActorView, 'fault' | 'waiting'>): string {
  if (fault !== null || BAD.test(state)) return 'bad';
  if (WARN.test(state)) return 'warn';
  if (GOOD.test(state)) return 'good';
  if (waiting !== null) return 'warn';
  if (BUSY.test(state)) return 'busy';
  return REST.test(state) ? 'rest' : 'plain';
}

/** `0.4 s`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function ageText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** 1234 -> `1.2k`: counts of a life, for a narrow column. */
export function countText(count: number): string {
  if (count < 10_000) return String(count);
  return count < 1e6 ? `${(count / 1000).toFixed(count < 1e5 ? 1 : 0)}k` : `${(count / 1e6).toFixed(1)}M`;
}

/** One event, one line for people. */
import type { PulseEvent } from '../../events/frames.js';
import type { Colour, Paint } from '../terminal.js';

const TOPIC_COLOURS: Readonly<Record<string, Colour>> = {
  vm: 'green',
  node: 'cyan',
  osd: 'cyan',
  pool: 'cyan',
  volume: 'green',
  task: 'yellow',
  actor: 'blue',
  fault: 'red',
  metric: 'purple',
};

/** `14:03:07.120 vm     migrated         web1  migrating.handover -> running on hv3 (from hv2)` */
export function eventLine(event: PulseEvent, paint: Paint): string {
  const { data } = event;
  const text = (name: string): string => (data[name] === null || data[name] === undefined ? '' : String(data[name]));
  const parts: string[] = [];
  if (text('to') !== '')
    parts.push(text('from') === '' || text('from') === text('to') ? text('to') : `${text('from')} -> ${text('to')}`);
  else if (event.topic === 'task')
    parts.push([text('command'), text('name') || text('actor'), text('state')].filter((one) => one !== '').join(' '));
  else if (event.topic === 'node')
    parts.push(
      [text('daemon_state'), text('coordinator_state'), text('domain_state')].filter((one) => one !== '').join(','),
    );
  else if (text('state') !== '') parts.push(text('state'));
  if (event.topic === 'vm' && text('node') !== '') parts.push(`on ${text('node')}`);
  if (text('from_node') !== '') parts.push(`(from ${text('from_node')})`);
  if (text('event') !== '') parts.push(`by ${text('event')}`);
  if (event.topic === 'fault') parts.push(text('text'), ...(text('cure') === '' ? [] : [`Cure: ${text('cure')}`]));
  for (const reason of ['waiting_reason', 'failed_reason', 'reason', 'message', 'fault'])
    if (text(reason) !== '') parts.push(`- ${text(reason)}`);
  return [
    clockTime(event.time),
    paint(TOPIC_COLOURS[event.topic] ?? null, event.topic.padEnd(6)),
    event.type.padEnd(17),
    paint('bold', event.key),
    ...parts,
  ].join(' ');
}

/** Local time of day with milliseconds. */
function clockTime(wallMs: number): string {
  const date = new Date(wallMs);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return `${parts.join(':')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Faults of the cluster for people. */
import type { Static } from '../../schemas/schema.js';
import type { FaultObject } from '../../schemas/fault.js';
import type { Colour, Paint } from '../terminal.js';
import { sheet, table, type Column } from './table.js';

export type FaultRow = Static<typeof FaultObject>;

const colourOf = ({ status, health_delta: delta }: FaultRow): Colour =>
  (status === 'ack' ? 'blue' : delta >= 50 ? 'red' : delta >= 10 ? 'yellow' : 'green');

const COLUMNS: readonly Column<FaultRow>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'Status', cell: ({ status, closing }) => (closing ? `${status}, closing` : status) },
  { title: 'Health', cell: (fault) => `-${fault.health_delta}%`, colour: colourOf },
  { title: 'Since', cell: (fault) => fault.first_reported },
  { title: 'Message', cell: ({ message }) => message },
];

/** Worst first. */
const sorted = (faults: readonly FaultRow[]): FaultRow[] => [...faults].sort((one, other) =>
  other.health_delta - one.health_delta || (one.first_reported < other.first_reported ? 1 : -1));

export const clusterFaultTable = (faults: readonly FaultRow[], paint: Paint): string =>
  table(COLUMNS, sorted(faults), paint);

export const clusterFaultSheets = (faults: readonly FaultRow[], paint: Paint): string => sorted(faults)
  .map((fault) => sheet([
    ['Fault', paint(colourOf(fault), fault.id)], ['Message', fault.message], ['Cure', fault.cure],
    ['Status', `${fault.status}${fault.acknowledged_at === '' ? '' : ` since ${fault.acknowledged_at}`}`
      + `${fault.closing ? ', closes if it stays away' : ''}`],
    ['Health', `-${fault.health_delta}%`], ['Reported', `${fault.first_reported} to ${fault.last_reported} UTC`],
    ['Told by', `${fault.actor} (${fault.source})`],
  ], paint)).join('\n\n');

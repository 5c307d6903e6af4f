/** Tables in PVC's manner: bold headings, columns as wide as their widest cell, groups of columns with a rule. */
import type { Colour, Paint } from '../terminal.js';

export interface Column<Row> {
  readonly title: string;
  /** Columns of one group stand under one ruled heading. */
  readonly group?: string;
  readonly cell: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | null;
}

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], paint: Paint): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = columns.map(
    (column, index) => Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)) + 1,
  );
  const lines: string[] = [];
  if (columns.some((column) => column.group !== undefined)) lines.push(paint('bold', groupLine(columns, widths)));
  lines.push(
    paint(
      'bold',
      columns
        .map((column, index) => column.title.padEnd(widths[index] ?? 0))
        .join(' ')
        .trimEnd(),
    ),
  );
  rows.forEach((row, line) => {
    const painted = columns.map((column, index) => {
      const text = cells[line]?.[index] ?? '';
      const padding = ' '.repeat((widths[index] ?? 0) - text.length);
      return paint(column.colour?.(row) ?? null, text) + padding;
    });
    lines.push(painted.join(' ').trimEnd());
  });
  return lines.join('\n');
}

function groupLine<Row>(columns: readonly Column<Row>[], widths: readonly number[]): string {
  const spans: { group: string; width: number }[] = [];
  columns.forEach((column, index) => {
    const last = spans.at(-1);
    const width = widths[index] ?? 0;
    if (last !== undefined && last.group === column.group) last.width += width + 1;
    else spans.push({ group: column.group ?? '', width });
  });
  return spans
    .map(({ group, width }) =>
      `${group} ${'-'.repeat(Math.max(0, width - group.length - 2))} `.slice(0, width).padEnd(width),
    )
    .join(' ')
    .trimEnd();
}

/** Lines of `Label:   value`, values in one column; a value of several lines is indented. */
export function sheet(
  entries: readonly (readonly [string, string] | null)[],
  paint: Paint,
  labelColour: Colour = 'purple',
): string {
  const width = Math.max(...entries.map((entry) => entry?.[0].length ?? 0)) + 3;
  return entries
    .map((entry) => {
      if (entry === null) return '';
      const [label, value] = entry;
      const [first = '', ...rest] = value.split('\n');
      const head = `${paint(labelColour, `${label}:`)}${' '.repeat(width - label.length - 1)}${first}`;
      return [head.trimEnd(), ...rest.map((line) => `${' '.repeat(width)}${line}`)].join('\n');
    })
    .join('\n');
}

export function bytesText(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'K', 'M', 'G', 'T', 'P']);
}

export function countText(count: number): string {
  return scaled(count, 1000, ['', 'K', 'M', 'B', 'T', 'Q']);
}

/** Rounded up, in the first unit that needs at most four digits: PVC's rule. */
function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = value;
  for (const unit of units) {
    if (Math.ceil(rest) < 10_000) return `${Math.ceil(rest)}${unit}`;
    rest /= base;
  }
  return `${Math.ceil(rest * base)}${units.at(-1) ?? ''}`;
}

/** A unified diff of two short texts. */

interface Step {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

const CONTEXT_LINES = 3;

/** Lines of `diff -u` without time stamps; [] when the texts are equal. */
export function unifiedDiff(
  before: string,
  after: string,
  names: readonly [string, string] = ['current', 'modified'],
): string[] {
  const steps = editScript(before.split('\n'), after.split('\n'));
  if (steps.every((step) => step.sign === ' ')) return [];
  const lines = [`--- ${names[0]}`, `+++ ${names[1]}`];
  for (const [from, to] of hunks(steps)) {
    const first = (sign: '-' | '+'): number =>
      steps.slice(0, from).filter((step) => step.sign !== (sign === '-' ? '+' : '-')).length + 1;
    const hunk = steps.slice(from, to);
    const count = (sign: '-' | '+'): number => hunk.filter((step) => step.sign === ' ' || step.sign === sign).length;
    lines.push(
      `@@ -${first('-')},${count('-')} +${first('+')},${count('+')} @@`,
      ...hunk.map((step) => step.sign + step.line),
    );
  }
  return lines;
}

/** Longest common subsequence by table: domain XML has some hundred lines. */
function editScript(a: readonly string[], b: readonly string[]): Step[] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      (lengths[i] as Uint32Array)[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const steps: Step[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      steps.push({ sign: ' ', line: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      steps.push({ sign: '-', line: a[i] ?? '' });
      i += 1;
    } else {
      steps.push({ sign: '+', line: b[j] ?? '' });
      j += 1;
    }
  }
  return steps;
}

/** Ranges of steps around the changes, merged where they touch. */
function hunks(steps: readonly Step[]): [number, number][] {
  const ranges: [number, number][] = [];
  steps.forEach((step, index) => {
    if (step.sign === ' ') return;
    const last = ranges.at(-1);
    const to = Math.min(steps.length, index + CONTEXT_LINES + 1);
    if (last !== undefined && index - CONTEXT_LINES <= last[1]) last[1] = to;
    else ranges.push([Math.max(0, index - CONTEXT_LINES), to]);
  });
  return ranges;
}

/** Suggestions for a mistyped name. */

/** Levenshtein distance, given up above `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? limit + 1;
}

/** The known name that was probably meant, or null. */
export function nearMiss(given: string, known: readonly string[]): string | null {
  const text = given.slice(0, 64).toLowerCase().replaceAll('-', '_');
  const limit = text.length < 5 ? 1 : 2;
  const ranked = known.map((name) => ({
    name,
    away: name.startsWith(text) && text.length > 1 ? 0 : distance(text, name, limit),
  }));
  const best = ranked.sort((a, b) => a.away - b.away)[0];
  return best !== undefined && best.away <= limit ? best.name : null;
}

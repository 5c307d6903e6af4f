/** Logs: a page of lines, or with --follow the new ones as they come. */
import type { ApiClient } from '../client/http.js';
import { fetchData } from './calls.js';
import type { CommandContext } from './command.js';

const LINES_DEFAULT = 1_000;
const FOLLOWED_LINES_DEFAULT = 10;
/** How many lines are read each time when following; what is more than that between two readings is skipped. */
const WINDOW_LINES = 200;
const FOLLOW_INTERVAL_MS = 500;

const readLines = async (api: ApiClient, path: string, lines: number): Promise<string[]> => {
  const { data } = await fetchData<{ data: string }>(api, path, { lines });
  return (data.endsWith('\n') ? data.slice(0, -1) : data).split('\n');
};

/** `-l` and `-f` of `vm log` and `node log`; `path` answers {name, data}. */
export async function showLog(context: CommandContext, path: string): Promise<void> {
  const api = await context.api();
  const follow = context.values.flag('follow');
  const lines = context.values.number('lines') ?? (follow ? FOLLOWED_LINES_DEFAULT : LINES_DEFAULT);
  if (!follow) {
    await context.terminal.page((await readLines(api, path, lines)).slice(-lines).join('\n'));
    return;
  }
  let stopped = false;
  const undo = context.host.onInterrupt(() => {
    stopped = true;
  });
  let seen = await readLines(api, path, WINDOW_LINES);
  context.terminal.print(seen.slice(-lines).join('\n'));
  while (!stopped) {
    await context.host.clock.sleep(FOLLOW_INTERVAL_MS);
    if (stopped) break;
    const now = await readLines(api, path, WINDOW_LINES);
    const fresh = newLines(seen, now);
    if (fresh.length > 0) context.terminal.print(fresh.join('\n'));
    seen = now;
  }
  undo();
}

/**
 * What `now` has after what `seen` ended with: the longest end of `seen` that is a beginning of `now`. A last line that
 * has grown since (a console writes half lines) counts as new.
 */
export function newLines(seen: readonly string[], now: readonly string[]): readonly string[] {
  for (let from = 0; from < seen.length; from += 1) {
    const overlap = seen.length - from;
    if (overlap > now.length) continue;
    let index = 0;
    while (index < overlap && seen[from + index] === now[index]) index += 1;
    if (index === overlap) return now.slice(overlap);
    if (index === overlap - 1 && now[index]?.startsWith(seen[from + index] ?? '') === true) return now.slice(index);
  }
  return now;
}

/** The one structured log port. Lines go to standard error as `level component: text key=value`. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
  /** The same log under a component's name. */
  child(component: string): Log;
}

type Level = 'debug' | 'info' | 'warn' | 'error';
const ORDER: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** The chain of causes of an error, newest first, joined by `<-`. */
export function causeChain(error: unknown): string {
  const texts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && texts.length < 8; ) {
    texts.push(at instanceof Error ? `${at.name}: ${at.message}` : String(at));
    at = at instanceof Error ? at.cause : null;
  }
  return texts.join(' <- ');
}

const shown = (value: unknown): string =>
  value instanceof Error ? JSON.stringify(causeChain(value))
    : typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value) ?? 'undefined';

export function createLog(
  component: string, least: Level = 'info', write: (line: string) => void = (line) => void process.stderr.write(line),
): Log {
  const emit = (level: Level, text: string, fields?: LogFields): void => {
    if (ORDER.indexOf(level) < ORDER.indexOf(least)) return;
    const tail = fields ? Object.entries(fields).map(([key, value]) => ` ${key}=${shown(value)}`).join('') : '';
    write(`${new Date().toISOString()} ${level} ${component}: ${text}${tail}\n`);
  };
  return {
    debug: (text, fields) => emit('debug', text, fields),
    info: (text, fields) => emit('info', text, fields),
    warn: (text, fields) => emit('warn', text, fields),
    error: (text, fields) => emit('error', text, fields),
    child: (name) => createLog(`${component}/${name}`, least, write),
  };
}

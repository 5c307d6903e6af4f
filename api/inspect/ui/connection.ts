/** The page's line to its node: key, ticket, websocket, and coming back after a loss without a hole. */
import type { ServerFrame } from '../../events/frames.js';
import { apply, gaps, keepOnly, keyFault, link, mail, server } from './model.js';

const KEY = 'pvc-api-key';
const RETRY_MS = 1000;
const SUBSCRIPTION = 'actors';
/** Pause between two looks at the mailboxes. */
const MAIL_MS = 2000;

let cursor: string | null = null;
let snapshot: Set<string> | null = null;

const key = (): string => sessionStorage.getItem(KEY) ?? '';
const headers = (): Record<string, string> => (key() === '' ? {} : { 'X-Api-Key': key() });

/** GETs below /api/v1. Throws an Error with the API's message. */
export async function ask<T>(path: string): Promise<T> {
  const answer = await fetch(`/api/v1${path}`, { headers: headers() });
  const body = (await answer.json()) as T & { message?: string };
  if (!answer.ok) throw new Error(body.message ?? `status ${answer.status}`);
  return body;
}

export function useKey(given: string): void {
  sessionStorage.setItem(KEY, given);
  void connect();
}

function askForKey(message: string): void {
  keyFault.value = key() === '' ? null : message;
  sessionStorage.removeItem(KEY);
  link.value = 'key';
}

/** Opens the stream; comes back by itself for ever, unless the key is wrong. */
export async function connect(): Promise<void> {
  link.value = 'connecting';
  try {
    const answer = await fetch('/api/v1/events/ticket', { method: 'POST', headers: headers() });
    const body = (await answer.json()) as { ticket?: string; message?: string };
    if (answer.status === 401) return askForKey(body.message ?? 'The key is wrong.');
    if (body.ticket === undefined) return again();
    open(body.ticket);
  } catch {
    again();
  }
}

function again(): void {
  link.value = 'waiting';
  AbortSignal.timeout(RETRY_MS).addEventListener('abort', () => void connect());
}

function open(ticket: string): void {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(
    `${scheme}//${location.host}/api/v1/events?ticket=${encodeURIComponent(ticket)}`,
    'pulse.v1.json',
  );
  socket.addEventListener('open', () => {
    const since = cursor === null ? {} : { since: cursor };
    if (cursor === null) snapshot = new Set();
    socket.send(
      JSON.stringify({ frame: 'subscribe', id: SUBSCRIPTION, topics: ['actor'], snapshot: true, ...since }),
    );
  });
  socket.addEventListener('message', (message) => take(JSON.parse(String(message.data)) as ServerFrame));
  socket.addEventListener('close', again);
}

function take(frame: ServerFrame): void {
  switch (frame.frame) {
    case 'hello':
      server.value = { node: frame.server.node, version: frame.server.version };
      return;
    case 'subscribed':
      link.value = 'live';
      return;
    case 'snapshot':
      for (const item of frame.items) {
        snapshot?.add(item.actor);
        apply(item);
      }
      return;
    case 'event':
      cursor = frame.event.cursor;
      return apply(frame.event);
    case 'gap':
      gaps.value += 1;
      if (frame.reason === 'expired') snapshot = new Set();
      return;
    case 'mark':
      cursor = frame.cursor;
      if (frame.sync === true && snapshot !== null) {
        keepOnly(snapshot);
        snapshot = null;
      }
      return;
    default:
  }
}

interface MailRow {
  readonly address: string;
  readonly letters: number | null;
  readonly oldest_letter_ms: number | null;
}

/** Asks for the actors with letters in their mailbox, for as long as the page is open and seen. */
export async function watchMail(): Promise<void> {
  if (link.value === 'live' && !document.hidden) {
    try {
      const rows = await ask<MailRow[]>('/actors?waiting=true&limit=1000');
      const waiting = rows.map((row) =>
        [row.address, { letters: row.letters ?? 0, oldestMs: row.oldest_letter_ms ?? 0 }] as const);
      if (waiting.length > 0 || mail.value.size > 0) mail.value = new Map(waiting);
    } catch {
      // The stream tells of a lost line; what was known is shown until it is back.
    }
  }
  AbortSignal.timeout(MAIL_MS).addEventListener('abort', () => void watchMail());
}

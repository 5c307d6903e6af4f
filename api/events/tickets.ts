/** One-time tickets: a browser cannot set headers on a websocket. */
import type { Clock } from '../../runtime/clock.js';
import { newToken } from '../../runtime/random.js';
import type { Identity } from '../auth.js';
import { EVENT_LIMITS } from './frames.js';

export interface Tickets {
  /** A new ticket; the oldest goes when there are too many. */
  issue(identity: Identity): string;
  /** Who it was issued to; null if it is unknown, used or old. */
  redeem(ticket: string): Identity | null;
}

export function createTickets(clock: Clock): Tickets {
  const open = new Map<string, { identity: Identity; until: number }>();
  return {
    issue(identity) {
      const ticket = newToken(24);
      open.set(ticket, { identity, until: clock.monotonicMs() + EVENT_LIMITS.ticketMs });
      if (open.size > EVENT_LIMITS.tickets) open.delete(open.keys().next().value as string);
      return ticket;
    },
    redeem(ticket) {
      const found = open.get(ticket);
      open.delete(ticket);
      return found !== undefined && clock.monotonicMs() <= found.until ? found.identity : null;
    },
  };
}

/**
 * A command, and with --wait its end. The end is told by the event stream: subscribe first, send the command, then wait
 * for `operation-ended` of the id in the answer's X-Operation-Id. Nothing is polled.
 */
import { NoAnswer, type ApiClient, type Call } from '../client/http.js';
import { openEventStream, StreamRefused, type EventStream } from '../client/stream.js';
import type { PulseEvent } from '../events/frames.js';
import { accepted, acceptedWhenFree, messageOf, noAnswer, refusal } from './calls.js';
import type { CommandContext } from './command.js';
import { CliError, EXIT } from './exit.js';

/** Where and how the subject of a command is: read once before and once after. */
export interface Place {
  readonly state: string;
  /** null for what has no node of its own. */
  readonly node: string | null;
}

export interface OperationSubject {
  /** As the user named it; the name a VM turns out to have is preferred. */
  readonly subject: string;
  readonly kind: 'vm' | 'node';
  /** null = it is gone. */
  look(): Promise<{ readonly name: string; readonly place: Place } | null>;
}

interface Ended {
  readonly state: string;
  readonly message: string | null;
}

/** Sends the command; prints the API's message, or with --wait what came of it. */
export async function runOperation(
  context: CommandContext, call: Call, subject: OperationSubject, waiting = context.values.flag('wait'),
): Promise<void> {
  const api = await context.api();
  if (!waiting) {
    context.terminal.print(messageOf((await accepted(api, call)).body));
    return;
  }
  const startedMs = context.host.clock.monotonicMs();
  const before = await subject.look();
  const name = before?.name ?? subject.subject;
  const watcher = await Watcher.open(context, api, subject.kind, name);
  if (watcher === null) {
    context.terminal.note('This API has no event stream: it is asked to answer only when the operation is over.');
    const reply = await accepted(api, { ...call, query: { ...call.query, wait: true } });
    context.terminal.print(messageOf(reply.body));
    return;
  }
  try {
    const timeoutMs = (context.values.number('timeout') ?? 600) * 1000;
    const reply = await acceptedWhenFree(context, api, call, name, startedMs + timeoutMs);
    const operationId = reply.headers['x-operation-id'];
    if (typeof operationId !== 'string') {
      context.terminal.print(messageOf(reply.body));
      return;
    }
    const ended = await watcher.end(operationId, context.values.number('timeout') ?? 600);
    const seconds = ((context.host.clock.monotonicMs() - startedMs) / 1000).toFixed(1);
    if (ended.state !== 'done') {
      throw new CliError(EXIT.failed, `${name}: ${ended.message ?? 'the operation failed'} (after ${seconds} s).`);
    }
    const after = await subject.look();
    context.terminal.print(`${name}: ${outcome(before?.place ?? null, after?.place ?? null)}, ${seconds} s`);
  } finally {
    watcher.close();
  }
}

/** `hv2 -> hv3` when it moved, else the state reached. */
function outcome(before: Place | null, after: Place | null): string {
  if (after === null) return 'removed';
  if (before !== null && before.node !== null && after.node !== null && before.node !== after.node)
    return `${before.node} -> ${after.node}`;
  return after.node === null ? after.state : `${after.state} on ${after.node}`;
}

/** The stream as --wait uses it: keeps what ended until somebody asks for it. */
class Watcher {
  private readonly ended = new Map<string, Ended>();
  private wake: () => void = () => undefined;

  private constructor(
    private readonly context: CommandContext,
    private readonly name: string,
  ) {}

  private stream: EventStream | null = null;

  /** null when the API has no event stream (PVC's own). */
  static async open(
    context: CommandContext,
    api: ApiClient,
    kind: 'vm' | 'node',
    name: string,
  ): Promise<Watcher | null> {
    const watcher = new Watcher(context, name);
    // A node's flush shows itself in its VMs.
    const topics = kind === 'vm' ? ['task', `vm:${name}`] : ['task', `node:${name}`, 'vm'];
    try {
      watcher.stream = await openEventStream(
        api.connection,
        { topics },
        {
          onEvent: (event) => watcher.take(event),
          onSnapshot: (items) => items.forEach((item) => watcher.take(item)),
          onInterruption: (reason) =>
            context.terminal.progress(reason === null ? '' : `${name}: ${reason}, connecting again`),
        },
        context.host.clock,
      );
      return watcher;
    } catch (error) {
      if (error instanceof NoAnswer) throw noAnswer(api, error);
      if (!(error instanceof StreamRefused)) throw error;
      if (error.status === 401 || error.status === 403)
        throw refusal(api, { status: error.status, headers: {}, body: null });
      if (error.status === 404 || error.status === 405 || error.status === 426) return null;
      throw new CliError(EXIT.failed, `${error.message}: try again without --wait.`, { cause: error });
    }
  }

  private take(event: PulseEvent): void {
    const { data } = event;
    if (event.topic === 'task') {
      if (data['state'] === 'done' || data['state'] === 'failed') {
        this.ended.set(String(data['operationId'] ?? event.key), {
          state: data['state'],
          message: typeof data['message'] === 'string' ? data['message'] : null,
        });
        this.wake();
      }
      return;
    }
    const waiting = data['waiting_reason'];
    const state = String(data['to'] ?? data['state'] ?? data['domain_state'] ?? event.type);
    const subject = event.key === this.name ? '' : ` (${event.key})`;
    this.context.terminal.progress(
      `${this.name}${subject}: ${state}${typeof waiting === 'string' ? `, ${waiting}` : ''}`,
    );
  }

  end(operationId: string, timeoutSeconds: number): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const cancel = this.context.host.clock.after(timeoutSeconds * 1000, () =>
        reject(
          new CliError(
            EXIT.timeout,
            `${this.name}: not over after ${timeoutSeconds} s; it goes on. ` +
              '"pvc events --topic task" tells when it ends.',
          ),
        ),
      );
      this.wake = () => {
        const found = this.ended.get(operationId);
        if (found === undefined) return;
        cancel();
        resolve(found);
      };
      this.stream?.ended.catch((error: Error) => {
        cancel();
        reject(
          new CliError(
            EXIT.failed,
            `${this.name}: the event stream broke (${error.message}); the operation goes on.`,
            { cause: error },
          ),
        );
      });
      this.wake();
    });
  }

  close(): void {
    this.context.terminal.progress('');
    this.stream?.close();
  }
}

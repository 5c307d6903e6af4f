/** Our addition: actors that stopped, and what a person can do for any actor. */
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { Mended } from '../actor-desk.js';
import type { ApiContext } from '../context.js';
import { plainText, statusOf } from '../faults.js';
import type { Api, ApiReply } from '../http.js';
import { ActorFaultList, ActorPath, ForgetArguments } from '../schemas/actor.js';
import { answers, Message, NoArguments, routeAt, routeOf } from '../schemas/schema.js';

export function faultRoutes(api: Api, { desk }: ApiContext): void {
  api.get('/actor-faults', routeOf('Actors that stopped, with the reason', NoArguments, ActorFaultList), () =>
    desk.faults().map((fault) => ({ ...fault })));

  const restart = routeAt('Begin a stopped actor again from its record', ActorPath, NoArguments, Message);
  api.post('/actors/:kind/:id/restart', restart, async (request, reply) => {
    const address = addressOf(request.params.kind, request.params.id);
    return answer(reply as ApiReply, await desk.restart(address), `Restarting actor '${address}' from its record.`);
  });

  // safety: what is forgotten may be all that keeps a guest from running twice. The machine's own word (mayForget)
  // is asked first; `force` is a person's, as with a fence that is confirmed by hand.
  const forgetting = (summary: string, description: string) => ({
    schema: { summary, description, params: ActorPath, querystring: ForgetArguments, response: answers(Message) },
  });
  const reset = forgetting('Begin the machine of an actor anew', 'State, timers, effects and requests are forgotten');
  api.post('/actors/:kind/:id/reset', reset, async (request, reply) => {
    const address = addressOf(request.params.kind, request.params.id);
    const mended = await desk.reset(address, request.query.force ?? false);
    return answer(reply as ApiReply, mended, `Began actor '${address}' anew.`);
  });

  const remove = forgetting('Take an actor away', 'Letters that wait for it become dead letters');
  api.delete('/actors/:kind/:id', remove, async (request, reply) => {
    const address = addressOf(request.params.kind, request.params.id);
    const mended = await desk.remove(address, request.query.force ?? false);
    return answer(reply as ApiReply, mended, `Removed actor '${address}'.`);
  });
}

function answer(reply: ApiReply, mended: Mended, done: string): { message: string } {
  if (mended.kind === 'done') return { message: plainText(done) };
  if (mended.kind === 'unknown') {
    throw new PvcError('PVC_NOT_COMMITTED', `It is not known whether it was done: ${mended.reason}`);
  }
  reply.code(statusOf(mended.code));
  return { message: plainText(`${mended.reason}.`) };
}

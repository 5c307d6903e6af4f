/** Our addition: letters that could not be stepped or delivered, put back or thrown away by people. */
import { splitAddress, type Address } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { ApiContext } from '../context.js';
import { plainText } from '../faults.js';
import type { Api } from '../http.js';
import { DeadLetterList, DeadLetterPath, DeadLettersArguments } from '../schemas/actor.js';
import { Message, NoArguments, routeAt, routeOf } from '../schemas/schema.js';
import { deadLetterView } from '../views/actor.js';

function actorNamed(text: string | undefined): Address | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    splitAddress(text);
    return text as Address;
  } catch {
    throw new PvcError('PVC_INVALID', `'${text.slice(0, 60)}' is no actor's address: it looks like vm/<uuid>`);
  }
}

export function deadLetterRoutes(api: Api, { desk }: ApiContext): void {
  api.get('/dead-letters', routeOf('Dead letters', DeadLettersArguments, DeadLetterList), async (request) => {
    const { letters, dropped } = await desk.deadLetters(actorNamed(request.query.actor));
    return { letters: letters.map(deadLetterView), dropped };
  });

  const requeue = routeAt('Put a dead letter back at the end of its mailbox', DeadLetterPath, NoArguments, Message);
  api.post('/dead-letters/:name/requeue', requeue, async (request) => {
    const { name } = request.params;
    switch (await desk.requeue(name)) {
      case 'requeued': return { message: plainText(`Put '${name}' back into its mailbox.`) };
      case 'gone': throw new PvcError('PVC_LETTER_NOT_FOUND', name);
      case 'no-actor': throw new PvcError('PVC_WRONG_STATE', `There is no such actor any more: '${name}' stays`);
      case 'busy': throw new PvcError('PVC_BUSY', `The mailbox of its actor is full: '${name}' stays; try again`);
    }
  });

  const discard = routeAt('Throw a dead letter away', DeadLetterPath, NoArguments, Message);
  api.delete('/dead-letters/:name', discard, async (request) => {
    const { name } = request.params;
    if (await desk.discard(name) === 'gone') throw new PvcError('PVC_LETTER_NOT_FOUND', name);
    return { message: plainText(`Threw '${name}' away.`) };
  });
}

/** The OpenAPI 3.1 document: the routes' own schemas, told so that bodies are understood too. In words: docs/api.md. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';

type Transform = NonNullable<FastifyDynamicSwaggerOptions['transform']>;

/** Arguments may stand in the query or in a body; the document says both for methods that have one. */
const transform: Transform = ({ schema, url, route }) => {
  const shown = { ...(schema ?? {}) } as Record<string, unknown>;
  const methods = [route.method].flat();
  const query = shown['querystring'] as { properties?: object } | undefined;
  const hasArguments = Object.keys(query?.properties ?? {}).length > 0;
  if (hasArguments && methods.some((method) => method !== 'GET' && method !== 'HEAD')) {
    shown['body'] = query;
    shown['consumes'] = ['application/x-www-form-urlencoded', 'application/json'];
    delete shown['querystring'];
  } else if (!hasArguments) delete shown['querystring'];
  return { schema: shown as never, url };
};

export const openApiOptions = (version: string): FastifyDynamicSwaggerOptions => ({
  transform,
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Parallel Virtual Cluster', version,
      description: 'Arguments may be given in the query or in a form or JSON body; every refusal is {"message": text}.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    components: {
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
        basic: { type: 'http', scheme: 'basic', description: 'The key is the password' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
    security: [{ key: [] }, { basic: [] }, { bearer: [] }],
  },
});

/** The only importer of TypeBox, and the few shapes every schema is made of. */
import { Type, type Static, type TSchema } from 'typebox';

export { Type, type Static, type TSchema };

/** A text out of a list. */
export const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values, description });

export const nullableText = (description = '') =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], ...(description === '' ? {} : { description }) });

/** Any JSON object, passed through as it is. */
export const anyObject = (description = '') =>
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    additionalProperties: true,
    ...(description === '' ? {} : { description }),
  });

export const flag = (description: string) => Type.Optional(Type.Boolean({ description }));
export const text = (description: string, maxLength = 256) => Type.Optional(Type.String({ description, maxLength }));
export const count = (description: string, minimum: number, maximum: number) =>
  Type.Optional(Type.Integer({ description, minimum, maximum }));

/** Arguments of a route: unknown names are refused (by readArguments, which knows the near miss). */
export const args = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

export const NoArguments = args({});
export const Message = Type.Object({ message: Type.String() });

/** Answers of a route: its own shape, and `{"message"}` for every refusal. */
export const answers = <T extends TSchema>(ok: T) => ({ 200: ok, '4xx': Message, '5xx': Message });

/** Options of a route without parameters in its path. */
export const routeOf = <Q extends TSchema, R extends TSchema>(summary: string, querystring: Q, ok: R) => ({
  schema: { summary, querystring, response: answers(ok) },
});

/** Options of a route with parameters in its path. */
export const routeAt = <P extends TSchema, Q extends TSchema, R extends TSchema>(
  summary: string,
  params: P,
  querystring: Q,
  ok: R,
) => ({ schema: { summary, params, querystring, response: answers(ok) } });

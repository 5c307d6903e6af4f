/** An actor's name in the cluster: `<kind>/<id>`, e.g. `vm/0f3c…`, `node/hv2`, `agent/hv2`. */
export type Address = `${string}/${string}`;

export const addressOf = (kind: string, id: string): Address => `${kind}/${id}`;

/** Splits an address; throws on a text that is none. */
export function splitAddress(address: string): { kind: string; id: string } {
  const slash = address.indexOf('/');
  if (slash <= 0 || slash === address.length - 1) throw new Error(`not an actor address: ${address}`);
  return { kind: address.slice(0, slash), id: address.slice(slash + 1) };
}

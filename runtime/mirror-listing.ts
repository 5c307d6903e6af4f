/** What a mirror reads when it reads everything: the paths of all it keeps. */
import type { Address } from './address.js';
import type { Paths } from './paths.js';
import type { Store } from './store.js';

export interface Listing {
  readonly found: readonly string[];
  readonly present: ReadonlySet<Address>;
}

/** Lists the whole tree, kinds side by side. Rejects (StoreError) when the connection goes. */
export async function listAll(store: Store, paths: Paths): Promise<Listing> {
  const names = async (path: string): Promise<readonly string[]> => (await store.children(path))?.names ?? [];
  const [nodes, fences, kinds, tombs, faults] = await Promise.all([
    names(paths.nodes), names(paths.fences), names(paths.actors), names(paths.tombs), names(paths.faults),
  ]);
  const lists = await Promise.all(kinds.map((kind) => names(paths.kind(kind))));
  const actors = kinds.flatMap((kind, index) => lists[index]!.map((id): Address => `${kind}/${id}`));
  return {
    present: new Set(actors),
    found: [
      paths.primary, paths.settings, paths.storage,
      ...nodes.flatMap((node) => [paths.telemetry(node), paths.live(node), paths.node(node)]),
      ...fences.map((node) => paths.fenceNode(node)),
      ...actors.flatMap((address) => [paths.owner(address), paths.record(address)]),
      ...tombs.map((name) => `${paths.tombs}/${name}`),
      ...faults.map((name) => `${paths.faults}/${name}`),
    ],
  };
}

/** Makes the roots of the tree once, and refuses to start on a layout newer than this daemon's. */
import { encode, decode } from './codec.js';
import type { Paths } from './paths.js';
import type { Store, StoreOp } from './store.js';

/** Version of the layout in paths.ts. */
const LAYOUT_VERSION = 1;

export interface Format { readonly layout: number; readonly generation: number }

export class LayoutError extends Error {
  override readonly name = 'LayoutError';
}

const empty = new Uint8Array(0);
const create = (path: string, data: Uint8Array = empty): StoreOp => ({ op: 'create', path, data });

/** Returns the cluster's format. Every part is one multi: NODE_EXISTS means somebody has done it. */
export async function bootstrap(
  store: Store, paths: Paths, kinds: readonly string[], indexed: readonly string[], nodes: readonly string[],
): Promise<Format> {
  await ensure(store, [
    create(paths.root), create(paths.format, encode({ layout: LAYOUT_VERSION, generation: 1 } satisfies Format)),
    create(paths.primary), create(paths.nodes), create(paths.actors), create(paths.names), create(paths.docs),
    create(paths.fences), create(paths.dead), create(paths.settings),
  ]);
  // Younger than the roots: a tree made by an older daemon has it not.
  await ensure(store, [create(paths.faults)]);
  // Roots that a cluster of an earlier version lacks.
  await ensure(store, [create(paths.tombs)]);
  await ensure(store, [create(paths.storage)]);
  for (const kind of kinds) await ensure(store, [create(paths.kind(kind))]);
  for (const kind of indexed) await ensure(store, [create(paths.nameKind(kind))]);
  for (const node of nodes) {
    await ensure(store, [create(paths.node(node)), create(paths.live(node)), create(paths.telemetry(node))]);
    await ensure(store, [create(paths.fenceNode(node))]);
  }
  const node = await store.read(paths.format);
  if (node === null) throw new LayoutError(`${paths.format} is missing: the tree at ${paths.root} is not ours`);
  const format = decode<Format>(node.data);
  if (format.layout > LAYOUT_VERSION) {
    throw new LayoutError(
      `the cluster's layout is version ${format.layout}, this daemon knows ${LAYOUT_VERSION}: upgrade it first`);
  }
  return format;
}

async function ensure(store: Store, operations: readonly StoreOp[]): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const first = operations[0]!;
    if (await store.read(first.path) !== null) return;
    const result = await store.multi(operations);
    if (result.kind === 'done' || (result.kind === 'refused' && result.code === 'node-exists')) return;
    const why = result.kind === 'refused' ? result.code : result.reason;
    if (attempt >= 5) throw new Error(`could not create ${first.path}: ${why}`);
  }
}

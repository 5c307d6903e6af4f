/**
 * RBD disks of VMs whose records are from before a definition noted them (`rbdDisks`): read out of the definition's
 * XML, once for each. Only where all that a VM can write to is RBD, and it has disks: there "none" is no answer.
 */
import type { RbdDisk, VmDefinition } from '../machines/vm/messages.js';
import type { Paths } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';
import { readDocument } from './documents.js';
import { rbdDisksOf } from './domain-rbd.js';
import { readDomain } from './domain-xml.js';

export class UnnotedDisks {
  /** By the definition's hash. */
  private readonly known = new Map<string, readonly RbdDisk[]>();

  constructor(private readonly deps: { readonly store: Store; readonly paths: Paths }) {}

  /** null = the record says it itself, or nothing was read yet. */
  of(definition: VmDefinition): readonly RbdDisk[] | null {
    return isUnnoted(definition) ? this.known.get(definition.xmlHash) ?? null : null;
  }

  /** Reads those that were not read yet; the others are forgotten. What cannot be read now stays unknown. */
  async read(definitions: readonly VmDefinition[]): Promise<void> {
    const wanted = new Set(definitions.filter(isUnnoted).map(({ xmlHash }) => xmlHash));
    for (const hash of this.known.keys()) if (!wanted.has(hash)) this.known.delete(hash);
    for (const hash of wanted) {
      if (this.known.has(hash)) continue;
      const xml = await readDocument(this.deps.store, this.deps.paths, hash);
      if (xml !== null) this.known.set(hash, rbdDisksOf(readDomain(xml)));
    }
  }
}

const isUnnoted = ({ rbdOnly, diskless, rbdDisks }: VmDefinition): boolean =>
  rbdOnly && !diskless && rbdDisks === undefined;

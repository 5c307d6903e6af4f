/**
 * The object in which librbd notes an image before it takes it apart. It is made when it is first needed, which cannot
 * be in a pool that is full: librbd then leaves the image as it was and answers ENOENT, as if it had been gone (16.2:
 * `trash::MoveRequest` fails with EDQUOT, and what comes after it with ENOENT, which is what one hears). So it is made
 * with the first image, while there is room.
 */
import { offMain, type Pointer } from '../foreign.js';
import { check } from './failure.js';
import { local, remote } from './library.js';

/** RBD_TRASH of Ceph's cls_rbd_types.h. */
const TRASH = 'rbd_trash';
/** LIBRADOS_CREATE_IDEMPOTENT: no error if it is there. */
const IDEMPOTENT = 0;

/**
 * Of the pool of this I/O context; leaves one that is there as it is. Refused in a pool that is full without it.
 * `text`: what cannot be done then.
 */
export async function ensureTrash(io: Pointer, text: string): Promise<void> {
  const operation = local.createWrite() as Pointer;
  try {
    local.createObject(operation, IDEMPOTENT, null);
    check(await offMain<number>(remote.operate, operation, io, TRASH, null, 0), text);
  } finally {
    local.releaseWrite(operation);
  }
}

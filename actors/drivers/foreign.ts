/** C libraries by FFI (koffi): what libvirt and Ceph have in common. For worker processes only. */
import koffi, { type LibraryHandle } from 'koffi';

/** Null pointers come back as null. */
export type Pointer = bigint;
export type CFunction = ReturnType<LibraryHandle['func']>;

// C code runs on koffi's stack in asynchronous calls (128 KiB if nothing is said); the heap holds a domain's XML.
koffi.config({ async_stack_size: 1 << 20, async_heap_size: 1 << 20 });

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

const libc = koffi.load('libc.so.6');
const prctl = libc.func('int prctl(int option, ulong argument)');
export const free = libc.func('void free(void *pointer)');

/** The kernel ends this process with its parent, even while its event loop is stuck. */
export const dieWithParent = (): void => void prctl(PR_SET_PDEATHSIG, SIGKILL);

/** Runs a C function on a thread of libuv's pool; one thread is held until it returns. */
export const offMain = <T>(target: CFunction, ...parameters: readonly unknown[]): Promise<T> =>
  new Promise((resolve, reject) => {
    target.async(...parameters, (error: unknown, result: T) => {
      if (error === null) resolve(result);
      else reject(error as Error);
    });
  });

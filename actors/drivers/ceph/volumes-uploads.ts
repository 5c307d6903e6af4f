/**
 * Files that become volumes. A file is received into an RBD image of its own by `rbd import`, so that no node needs
 * room for it on a disk and any node can go on with it; qemu-img then reads it there as what it is, and writes the
 * disk in it into the volume. Both programs reach the cluster by the configuration that `access` names.
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ImageFormat } from '../../../machines/volume/messages.js';
import { systemClock, type Clock } from '../../../runtime/clock.js';
import { runProgram, spawnProgram } from '../../process.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { Bounds, Image, LongBounds } from '../volumes.js';
import type { CephConnection } from './connection.js';

export interface CephAccess {
  /** ceph.conf, which names the monitors. */
  readonly confFile: string;
  /** `admin`: without `client.` */
  readonly user: string;
  readonly keyringFile: string;
}

/** How long one looks: Ceph holds what a program that was killed had open for up to 30 s; milliseconds. */
const HELD_MS = 120_000;
const LOOK_MS = 3_000;
/** What disks, and qemu, count in. */
const SECTOR = 512;
/** Words of a program that are kept in a reason. */
const WORDS_MAX = 400;
const REMOVE_MS = 30_000;

/** VMDKs that are one file, and not a description of others. */
const VMDK_WHOLE = ['monolithicSparse', 'streamOptimized'];

interface ImageDescription {
  readonly format?: string;
  readonly 'virtual-size'?: number;
  readonly 'backing-filename'?: string;
  readonly encrypted?: boolean;
  readonly 'format-specific'?: {
    readonly data?: { readonly 'create-type'?: string; readonly 'data-file'?: string };
  };
}

export class CephUploads {
  constructor(
    private readonly connection: CephConnection, private readonly access: CephAccess,
    private readonly clock: Clock = systemClock,
  ) {}

  async receive(
    image: Image, body: Readable, { deadlineMs, signal }: LongBounds,
  ): Promise<Outcome<{ bytes: number }>> {
    const { confFile, user, keyringFile } = this.access;
    const child = spawnProgram('rbd', [
      'import', '--conf', confFile, '--id', user, '--keyring', keyringFile, '--no-progress',
      '--image-feature', 'layering,exclusive-lock', '-',
      `${image.pool}/${image.image}`,
    ], { stdio: ['pipe', 'ignore', 'pipe'], timeout: deadlineMs, killSignal: 'SIGKILL' });
    const ended = endOf(child);
    let bytes = 0;
    body.on('data', (chunk: Buffer) => { bytes += chunk.length; });
    let [isWhole, isLate] = [true, false];
    let cut: string | null = null;
    try {
      await pipeline(body, child.stdin!, signal === undefined ? {} : { signal });
    } catch (error) {
      [isWhole, isLate] = [false, child.killed];
      // Of an rbd that ended by itself its own words tell more than that it takes no more.
      if (!hasEnded(child) && !isCode(error, 'EPIPE')) cut = error instanceof Error ? error.message : String(error);
      child.kill('SIGKILL');
    }
    const end = await ended;
    if (isWhole && end.status === 0) return this.wholeSectors(image, bytes, deadlineMs);
    if (isWhole) isLate = child.killed;
    const removed = await this.connection.removeImage(image, { deadlineMs: REMOVE_MS });
    if (removed.kind !== 'done') void this.removeSoon(image);
    const left = removed.kind === 'done' ? '' : '; what came of it goes within a minute';
    const why = isLate ? `it took longer than ${minutes(deadlineMs)}`
      : cut ?? (end.signal === null && end.words !== '' ? end.words : wordsOf('rbd', end));
    return refused(`the upload was cut off after ${bytes} bytes: ${why}${left}`);
  }

  /** Once Ceph has let go of it. Should this end before, the keeper of volumes removes it later. */
  private async removeSoon(image: Image): Promise<void> {
    const untilMs = this.clock.monotonicMs() + HELD_MS;
    while (this.clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => void this.clock.after(LOOK_MS, resolve, true));
      if ((await this.connection.removeImage(image, { deadlineMs: REMOVE_MS })).kind === 'done') return;
    }
  }

  /** qemu-img is aborted by an assertion of its own when it copies from an image that ends amid a sector. */
  private async wholeSectors(image: Image, bytes: number, deadlineMs: number): Promise<Outcome<{ bytes: number }>> {
    if (bytes % SECTOR === 0) return done({ bytes });
    const padded = await this.connection.resizeImage(image, Math.ceil(bytes / SECTOR) * SECTOR, { deadlineMs });
    return padded.kind === 'done' ? done({ bytes }) : padded;
  }

  async inspect(image: Image, format: ImageFormat, { deadlineMs }: Bounds): Promise<Outcome<{ virtualBytes: number }>> {
    const result = await runProgram('qemu-img', ['info', '--output=json', this.url(image)], { deadlineMs });
    if (result.timedOut) return unknown('qemu-img gave no answer in time');
    if (result.status !== 0) return refused(`qemu-img cannot read it: ${result.stderr.trim().slice(0, WORDS_MAX)}`);
    const found = JSON.parse(result.stdout) as ImageDescription;
    const flaw = flawOf(found, format);
    if (flaw !== null) return refused(flaw);
    const virtualBytes = found['virtual-size'] ?? 0;
    return virtualBytes > 0 ? done({ virtualBytes }) : refused('it holds a disk of no size');
  }

  async convert(
    source: Image, format: ImageFormat, to: Image, { deadlineMs, progress, signal }: LongBounds,
  ): Promise<Outcome<null>> {
    const isUnwanted = (): boolean => signal?.aborted === true;
    if (isUnwanted()) return unknown(WE_ENDED_IT);
    const child = spawnProgram('qemu-img', [
      'convert', '-n', '-p', '-f', format, '-O', 'raw', this.url(source), this.url(to),
    ], { stdio: ['ignore', 'pipe', 'pipe'], timeout: deadlineMs, killSignal: 'SIGKILL' });
    const onAbort = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', onAbort, { once: true });
    child.stdout?.on('data', (chunk: Buffer) => {
      const percent = [...chunk.toString().matchAll(/\(([\d.]+)\/100%\)/g)].at(-1)?.[1];
      if (percent !== undefined) progress?.(Number(percent) / 100);
    });
    const end = await endOf(child);
    signal?.removeEventListener('abort', onAbort);
    if (end.status === 0) return done(null);
    if (isUnwanted()) return unknown(WE_ENDED_IT);
    if (child.killed) return refused(`qemu-img had not converted it after ${minutes(deadlineMs)}`);
    return refused(end.status === null ? `the conversion was cut off: ${wordsOf('qemu-img', end)}`
      : `qemu-img could not convert it: ${end.words}`);
  }

  /** qemu's name of an image; what means something to qemu in it is masked. */
  private url({ pool, image }: Image): string {
    const masked = (text: string): string => text.replace(/[\\:@/=]/g, '\\$&');
    const { confFile, user, keyringFile } = this.access;
    return `rbd:${masked(pool)}/${masked(image)}:id=${masked(user)}:conf=${masked(confFile)}`
      + `:keyring=${masked(keyringFile)}`;
  }
}

/** Why the file is not taken for a disk of this format; null = it is one. Pure. */
export function flawOf(found: ImageDescription, format: ImageFormat): string | null {
  if (found.format !== format) {
    return `it was said to be ${format}, and is ${found.format ?? 'nothing that qemu-img knows'}: name its true format`;
  }
  if (found['backing-filename'] !== undefined) {
    return `it needs another file (${found['backing-filename']}): make it one file by qemu-img convert first`;
  }
  if (found.encrypted === true) return 'it is encrypted: decrypt it first';
  const { 'create-type': kind, 'data-file': data } = found['format-specific']?.data ?? {};
  if (data !== undefined) return `its content is in another file (${data}): make it one file by qemu-img convert first`;
  if (format === 'vmdk' && kind !== undefined && !VMDK_WHOLE.includes(kind)) {
    return `it is a VMDK of type ${kind}, which needs other files: convert it to streamOptimized first`;
  }
  return null;
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

const WE_ENDED_IT = 'qemu-img was ended before it was done';

const minutes = (ms: number): string => `${Math.round(ms / 60_000)} minutes`;

interface End {
  readonly status: number | null;
  readonly signal: string | null;
  readonly words: string;
}

/** Of a program that we did not end. */
function wordsOf(program: string, { status, signal, words }: End): string {
  const said = words === '' ? '' : ` (${words})`;
  if (signal === null) return `${program} ended with status ${status}${said}`;
  const whose = signal === 'SIGKILL' ? ', by a person or for want of memory (the kernel\'s log says so)' : '';
  return `${program} was ended by ${signal}${whose}${said}: upload it again`;
}

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    let words = '';
    child.stderr?.on('data', (chunk: Buffer) => { words = (words + chunk.toString()).slice(-WORDS_MAX); });
    child.stdin?.on('error', () => undefined);
    child.on('error', (error) => resolve({ status: 1, signal: null, words: error.message }));
    child.on('close', (status, signal) => resolve({ status, signal, words: words.trim() }));
  });
}

/**
 * One file out of a multipart/form-data body (RFC 7578), as a stream: what clients of PVC upload images with. Only the
 * first part that has a file name is read; a body that ends before its closing boundary is an error of the stream.
 */
import { Transform, type Readable, type TransformCallback } from 'node:stream';
import { PvcError } from '../runtime/errors.js';

const HEADERS_MAX = 16 << 10;

/** The stream of the file's bytes. Throws PVC_INVALID if the content type names no boundary. */
export function fileOf(body: Readable, contentType: string | undefined): Readable {
  const boundary = /^multipart\/form-data\b.*\bboundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType ?? '');
  const name = boundary?.[1] ?? boundary?.[2];
  if (name === undefined) {
    throw new PvcError('PVC_INVALID', 'The file must be sent as multipart/form-data, in a part with a file name');
  }
  const file = new FilePart(name);
  body.on('error', (error) => file.destroy(error));
  body.on('close', () => { if (!body.readableEnded) file.destroy(new Error('the connection was lost')); });
  return body.pipe(file);
}

type Phase = 'before' | 'headers' | 'file' | 'after';

class FilePart extends Transform {
  private phase: Phase = 'before';
  private held: Buffer = Buffer.alloc(0);
  private readonly first: Buffer;
  private readonly next: Buffer;

  constructor(boundary: string) {
    super();
    this.first = Buffer.from(`--${boundary}\r\n`);
    this.next = Buffer.from(`\r\n--${boundary}`);
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    if (this.phase === 'after') return done();
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    try {
      while (this.advance());
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    done(this.phase === 'after' ? null : new Error('the body ends in the middle of the file'));
  }

  /** One step through what is held; false = more is needed. */
  private advance(): boolean {
    if (this.phase === 'before') return this.skipTo(this.first, 'headers');
    if (this.phase === 'headers') return this.readHeaders();
    if (this.phase === 'file') return this.readFile();
    return false;
  }

  private skipTo(mark: Buffer, phase: Phase): boolean {
    const at = this.held.indexOf(mark);
    if (at < 0) {
      this.held = this.held.subarray(Math.max(0, this.held.length - mark.length + 1));
      return false;
    }
    this.held = this.held.subarray(at + mark.length);
    this.phase = phase;
    return true;
  }

  private readHeaders(): boolean {
    const end = this.held.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.held.length > HEADERS_MAX) throw new Error('the headers of a part are too long');
      return false;
    }
    const isFile = /content-disposition:[^\r\n]*\bfilename\*?=/i.test(this.held.subarray(0, end).toString('latin1'));
    this.held = this.held.subarray(end + 4);
    this.phase = isFile ? 'file' : 'before';
    return true;
  }

  private readFile(): boolean {
    const end = this.held.indexOf(this.next);
    if (end >= 0) {
      if (end > 0) this.push(this.held.subarray(0, end));
      this.held = Buffer.alloc(0);
      this.phase = 'after';
      return false;
    }
    // The boundary may begin in what is held: that much waits for the rest.
    const sure = this.held.length - this.next.length + 1;
    if (sure > 0) {
      this.push(this.held.subarray(0, sure));
      this.held = this.held.subarray(sure);
    }
    return false;
  }
}

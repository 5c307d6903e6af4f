/** A file as the body of a request: multipart/form-data with one part, as PVC's API takes images. */
import { createReadStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';

export interface Upload {
  readonly path: string;
  /** Told as the file is read: bytes of it so far, and in all. */
  readonly onRead?: (bytes: number, total: number) => void;
}

export interface UploadBody {
  readonly contentType: string;
  readonly length: number;
  readonly stream: Readable;
}

const BOUNDARY = 'pvc-7d1f3c58a2e94b06';

/** Throws what the file system says of a file that cannot be read. */
export function uploadBody({ path, onRead }: Upload): UploadBody {
  const total = statSync(path).size;
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="filename"\r\n`
    + 'Content-Type: application/octet-stream\r\n\r\n';
  const tail = `\r\n--${BOUNDARY}--\r\n`;
  const parts = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(head);
    let bytes = 0;
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      onRead?.(bytes, total);
      yield chunk;
    }
    yield Buffer.from(tail);
  };
  return {
    contentType: `multipart/form-data; boundary=${BOUNDARY}`, length: total + head.length + tail.length,
    stream: Readable.from(parts()),
  };
}

/** What the adapter and its worker process say to each other (worker-port.ts). */
import type { CallOf } from '../worker-port.js';
import type {
  CephReply, CommandTarget, ImageClient, ImageInfo, ImageRef,
} from './connection.js';

export interface WorkerOptions {
  /** Ceph's own configuration file: fsid, mon_host; null = the usual places. */
  readonly configFile: string | null;
  /** `client.admin` */
  readonly clientName: string;
  /** null = where the configuration file or Ceph's default says. */
  readonly keyringFile: string | null;
}

type RefArgs = { ref: ImageRef };
type SnapshotArgs = { ref: Required<ImageRef> };

/** Operation -> its arguments and its answer's value: CephConnection's methods under their own names. */
export interface Operations {
  command: {
    args: {
      command: Readonly<Record<string, string | number | boolean | readonly string[]>>;
      target: CommandTarget; input: Uint8Array | null; hedge: boolean; anew: boolean;
    };
    value: CephReply;
  };
  waitForOsdmap: { args: { epoch: number }; value: number };
  images: { args: { pool: string }; value: readonly string[] };
  imageInfo: { args: RefArgs; value: ImageInfo | null };
  createImage: { args: RefArgs & { sizeBytes: number }; value: null };
  resizeImage: { args: RefArgs & { sizeBytes: number }; value: null };
  renameImage: { args: RefArgs & { to: string }; value: null };
  removeImage: { args: RefArgs; value: null };
  cloneImage: { args: { from: Required<ImageRef>; to: ImageRef }; value: null };
  flattenImage: { args: RefArgs; value: null };
  copyImage: { args: { from: ImageRef; to: ImageRef }; value: null };
  createSnapshot: { args: SnapshotArgs; value: null };
  removeSnapshot: { args: SnapshotArgs; value: null };
  renameSnapshot: { args: SnapshotArgs & { to: string }; value: null };
  rollbackSnapshot: { args: SnapshotArgs; value: null };
  children: { args: RefArgs; value: readonly ImageRef[] };
  watchers: { args: RefArgs; value: readonly ImageClient[] };
  lockOwner: { args: RefArgs; value: ImageClient | null };
  breakLock: { args: RefArgs & { owner: ImageClient }; value: null };
}
export type OperationName = keyof Operations;
export type CephCall = CallOf<Operations>;

/** The connection stands: a monitor answered, and OSDs take what it sends. */
export type WorkerNews = {
  readonly type: 'connected';
  /** Of the worker's own handles, as a blocklist names them. */
  readonly addresses: readonly string[];
};

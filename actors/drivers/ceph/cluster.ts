/**
 * One handle of librados: a client instance of the cluster with a session to a monitor. librados finds another monitor
 * by itself when that one is lost; a handle that was on the blocklist is of no use any more, even when it is off it.
 */
import { offMain, type Pointer } from '../foreign.js';
import { check, CephFailure, ENOENT } from './failure.js';
import { bytesAt, local, remote, textAt, type Out } from './library.js';
import type { CephCommand, CephReply, CommandTarget } from './connection.js';
import { commandText, parseReply } from './reply.js';
import type { WorkerOptions } from './protocol.js';

/**
 * A lost monitor is found out by its silence: Ceph's own 30 s are longer than a whole fail-over may take. A client
 * looks each interval whether its last keep-alive was answered within the timeout, and else tries three monitors at
 * once. Its search keeps Ceph's own interval (3 s): with a shorter one a busy machine never gets in.
 */
const MONITOR_OPTIONS: Readonly<Record<string, string>> = {
  mon_client_ping_interval: '0.5', mon_client_ping_timeout: '3', mon_client_hunt_interval: '3',
  client_mount_timeout: '20',
};
/** A thread that waits for a monitor is given back after this time, s. */
export const MONITOR_TIMEOUT_S = 30;

/** No logs, no admin socket: of a client's own options these three would write files. */
const QUIET: Readonly<Record<string, string>> = { log_file: '', admin_socket: '', log_to_stderr: 'false' };

export type HandleOptions = Readonly<Record<string, string>>;

export class Cluster {
  readonly handle: Pointer;
  #map: Promise<void> = Promise.resolve();
  #nextMap: Promise<void> | null = null;

  private constructor(handle: Pointer) {
    this.handle = handle;
  }

  /** Rejects with CephFailure: no configuration, no key, no monitor within 20 s. */
  static async connect(options: WorkerOptions, more: HandleOptions): Promise<Cluster> {
    const out: Out<Pointer | null> = [null];
    check(local.create(out, options.clientName.replace(/^client\./, '')) as number, 'librados makes no handle');
    const handle = out[0] as Pointer;
    const file = options.configFile;
    check(local.readConfig(handle, file) as number, `${file ?? 'ceph.conf'} cannot be read`);
    const keyring = options.keyringFile === null ? {} : { keyring: options.keyringFile };
    const all = {
      ...QUIET, ...MONITOR_OPTIONS, rados_mon_op_timeout: String(MONITOR_TIMEOUT_S), ...keyring, ...more,
    };
    // An option that this version does not know is left as it is.
    for (const [name, value] of Object.entries(all)) local.setConfig(handle, name, value);
    try {
      check(await offMain<number>(remote.connect, handle), `no monitor of ${file ?? 'ceph.conf'} took the connection`);
    } catch (error) {
      void offMain(remote.shutdown, handle);
      throw error;
    }
    return new Cluster(handle);
  }

  /** Only where nothing of it is under way. */
  async close(): Promise<void> {
    await offMain(remote.shutdown, this.handle);
  }

  /** `10.0.0.1:0/2958317`, as a blocklist has it. */
  addresses(): readonly string[] {
    const out: Out<Pointer | null> = [null];
    if ((local.addresses(this.handle, out) as number) < 0 || out[0] === null) return [];
    const text = textAt(out[0]);
    local.freeBuffer(out[0]);
    return text.replace(/[[\]]/g, '').split(',').map((each) => each.replace(/^(v[12]|any):/, ''));
  }

  /** Rejects with CephFailure, whose text is what the CLI would print. */
  async command(target: CommandTarget, command: CephCommand['command'], input: Uint8Array | null): Promise<CephReply> {
    const output: Out<Pointer | null> = [null];
    const outputBytes: Out<number> = [0];
    const status: Out<Pointer | null> = [null];
    const statusBytes: Out<number> = [0];
    const tail = [
      [commandText(command)], 1, input, input?.length ?? 0,
      output, outputBytes, status, statusBytes,
    ];
    const result = target === 'mon' ? await offMain<number>(remote.monCommand, this.handle, ...tail)
      : target === 'mgr' ? await offMain<number>(remote.mgrCommand, this.handle, ...tail)
        : await offMain<number>(remote.osdCommand, this.handle, Number(target.slice('osd.'.length)), ...tail);
    const text = bytesAt(output[0], outputBytes[0]).toString();
    const said = bytesAt(status[0], statusBytes[0]).toString().trim();
    for (const [buffer] of [output, status]) if (buffer !== null) local.freeBuffer(buffer);
    if (result < 0) throw new CephFailure(-result, said || text.trim() || `${target} said no more`);
    return { output: parseReply(text), status: said };
  }

  async #latestOsdmap(): Promise<void> {
    check(await offMain<number>(remote.latestOsdmap, this.handle), 'the monitors gave no osdmap');
  }

  /**
   * Runs `work` with the pool's I/O context, which is bound to the pool's number: a handle whose map is from before the
   * pool was removed and made anew under its name would ask the old one, and find no image. Hence the newest map first.
   * Rejects with ENOENT if there is no such pool.
   *
   * In a full pool librados holds back every write until there is room, those that make room too. Ours are tried (as by
   * `rbd rm`): what frees room is done, what needs some ends with EDQUOT or ENOSPC. A guest's go on waiting: it is no
   * client of ours.
   */
  async pool<T>(name: string, work: (io: Pointer) => Promise<T>): Promise<T> {
    await this.freshMap();
    const out: Out<Pointer | null> = [null];
    const result = await offMain<number>(remote.createIo, this.handle, name, out);
    if (result === -ENOENT) throw new CephFailure(ENOENT, `there is no pool ${name}`);
    check(result, `pool ${name} cannot be used`);
    local.tryWhenFull(out[0]);
    try {
      return await work(out[0] as Pointer);
    } finally {
      local.destroyIo(out[0]);
    }
  }

  /**
   * Afterwards this handle's map is at least what the monitors had at the call. The C call may wait for ever: one at a
   * time, and all who ask meanwhile share the next one, since the present one began before they asked.
   */
  freshMap(): Promise<void> {
    this.#nextMap ??= this.#map.catch(() => undefined).then(() => {
      this.#nextMap = null;
      this.#map = this.#latestOsdmap();
      return this.#map;
    });
    return this.#nextMap;
  }
}

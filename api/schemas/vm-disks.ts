/** Shapes of a VM's devices and disks. */
import { args, flag, text, Type } from './schema.js';

const limit = (of: string) =>
  Type.Optional(Type.Integer({ description: `${of} a second; 0 = no limit`, minimum: 0, maximum: 2 ** 50 }));

export const VmDiskPath = Type.Object({ vm: Type.String({ maxLength: 128 }), disk: Type.String({ maxLength: 256 }) });
export const VmDeviceArguments = args({
  xml: Type.String({ description: 'One device, as libvirt\'s domain XML has it', minLength: 1 }),
  live: flag('Ours: false = in the definition only, for its next start. Default true'),
});
export const VmDiskLimitArguments = args({
  read_bytes_sec: limit('Bytes read'),
  write_bytes_sec: limit('Bytes written'),
  total_bytes_sec: limit('Bytes read or written'),
  read_iops_sec: limit('Reads'),
  write_iops_sec: limit('Writes'),
  total_iops_sec: limit('Reads and writes'),
});
export const VmNewSnapshotArguments = args({ snapshot_name: text('Name; the date and time if left out', 128) });
export const VmSnapshotArguments = args({
  snapshot_name: Type.String({ description: 'Name of the snapshot', minLength: 1, maxLength: 128 }),
});

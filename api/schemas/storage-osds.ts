/** Shapes of `/storage/ceph/{status,utilization,option,osd*}`: PVC's, with numbers beside its texts. */
import { anyObject, args, count, flag, nullableText, oneOf, text, Type } from './schema.js';

export const OSD_OPTIONS = [
  'full', 'pause', 'noup', 'nodown', 'noout', 'noin', 'nobackfill', 'norebalance', 'norecover', 'noscrub',
  'nodeep-scrub', 'notieragent', 'nosnaptrim', 'pauserd', 'pausewr',
] as const;

const SURE = { 'yes-i-really-mean-it': Type.String({ description: 'Any value: you know what is lost', minLength: 1 }) };
const needed = (description: string) => Type.String({ description, minLength: 1, maxLength: 256 });
const DEVICE = 'A path, or detect:NAME:SIZE:N';
const PLACE = {
  weight: text('Weight by CRUSH: by custom its size in TiB [1.0]'),
  ext_db_ratio: text('Its database on the OSD DB device of the node: so large a share of the OSD, e.g. 0.05'),
  ext_db_size: text('The same as a size, e.g. 50G'),
};

export const StorageText = Type.Object({
  type: Type.String(), primary_node: nullableText(), ceph_data: Type.String({ description: 'As Ceph prints it' }),
});
export const OptionArguments = args({
  option: oneOf(OSD_OPTIONS, 'A flag of the whole cluster'), action: oneOf(['set', 'unset'], 'On or off'),
});
export const OsdListArguments = args({ limit: text('Regular expression that numbers must match') });
export const OsdPath = Type.Object({ osd: Type.String({ pattern: '^\\d{1,6}$' }) });
export const OsdObject = Type.Object({
  id: Type.String(), fsid: Type.String(), node: Type.String(), device: Type.String(), is_split: Type.Boolean(),
  db_device: Type.String(), stats: anyObject('PVC\'s names; *_bytes, *_rate and numbers beside its texts'),
  state: Type.String({ description: 'Ours: serving, removing.draining ...; "unmanaged" = no actor has it' }),
  explanation: Type.String({ description: 'Ours: what that means' }),
  reason: nullableText('Ours: why something failed or waits'),
  progress: Type.Unsafe<Record<string, unknown> | null>({ type: ['object', 'null'], additionalProperties: true }),
});
export const OsdList = Type.Array(OsdObject);
export const OsdAddArguments = args({
  node: needed('Node that has the device'), device: needed(DEVICE), ...PLACE,
  osd_count: count('So many OSDs on the device, each with an equal part', 1, 16),
});
export const OsdDbArguments = args({ node: needed('Node that has the device'), device: needed(DEVICE) });
export const OsdReplaceArguments = args({
  new_device: needed(DEVICE), old_device: text('As PVC has it; the OSD knows its own'), ...PLACE,
  force: flag('Ours: even if placement groups become unavailable by it'), ...SURE,
});
export const OsdRefreshArguments = args({ device: needed(DEVICE) });
export const OsdRemoveArguments = args({
  force: flag('Without waiting until its data are elsewhere'), ...SURE,
});
export const OsdStateArguments = args({ state: oneOf(['in', 'out'], 'Shall it hold data?') });
export const OsdState = Type.Object({ id: Type.String(), in: Type.Integer(), up: Type.Integer() });

/** pvc.conf's section `ceph`: PVC's keys, and three of our own (client_name, guest_user, guest_keyring_file). */
import type { StorageConfig } from '../actors/config.js';
import type { ConfigReader } from './config-reader.js';

const isPath = (text: string): boolean => /^\/[\w./-]*$/.test(text);
const PATH = 'an absolute path of letters, digits and ._/-';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const USER = /^(?!client\.)[\w.-]{1,64}$/;

/**
 * No section = no shared storage (null). defaultHosts: where monitors are if the section names none, as in PVC: on the
 * coordinators. Nothing is opened here: Ceph may come up after the daemon.
 */
export function readStorage(reader: ConfigReader, defaultHosts: readonly string[]): StorageConfig | null {
  if (!reader.has('ceph')) return null;
  const ceph = reader.section('ceph');
  const file = (key: string, fallback: string): string => ceph.text(key, PATH, isPath, fallback);
  const confFile = file('ceph_config_file', '/etc/ceph/ceph.conf');
  const clientName = ceph.text('client_name', 'a Ceph user such as client.admin',
    (text) => text.startsWith('client.') && USER.test(text.slice('client.'.length)), 'client.admin');
  const adminKeyring = file('ceph_keyring_file', `/etc/ceph/ceph.${clientName}.keyring`);
  const port = ceph.integer('monitor_port', 1, 65_535, 6789);
  const hosts = ceph.has('monitor_hosts')
    ? ceph.names('monitor_hosts', 'a host name or address', (text) => /^[A-Za-z0-9][\w.-]{0,254}$/.test(text))
    : defaultHosts;
  const guestUser = ceph.text('guest_user', 'a Ceph user without "client."', (text) => USER.test(text), 'libvirt');
  return {
    confFile, clientName, adminKeyring, monitors: hosts.map((host) => ({ host, port })),
    guestUser, guestKeyring: file('guest_keyring_file', `/etc/ceph/ceph.client.${guestUser}.keyring`),
    secretUuid: ceph.text('secret_uuid', 'a UUID, the same on every node: uuidgen makes one', (text) => UUID.test(text))
      .toLowerCase(),
  };
}

/** The port to shared storage on a real Ceph: the same contract that its simulation fulfils (storage.test.ts). */
import { storageContract } from '../fixtures/contracts/storage.js';
import { cephStorageSubject } from '../fixtures/contracts/storage-ceph.js';

storageContract('real Ceph', () => cephStorageSubject({ network: '10.84.7' }));

/**
 * The error catalogue. code -> sentence with `{}` for the thing named, HTTP status, may a client retry.
 * docs/errors.md lists every code (tested).
 */
export interface ErrorSpec {
  readonly sentence: string;
  readonly status: number;
  readonly retry: 'never' | 'later';
}

export const ERRORS = {
  PVC_VM_NOT_FOUND: { sentence: 'Could not find VM "{}" in the cluster', status: 404, retry: 'never' },
  PVC_NODE_NOT_FOUND: { sentence: 'Could not find node "{}" in the cluster', status: 404, retry: 'never' },
  PVC_POOL_NOT_FOUND: { sentence: 'Could not find pool "{}" in the cluster', status: 404, retry: 'never' },
  PVC_VOLUME_NOT_FOUND: { sentence: 'Could not find volume "{}" in the cluster', status: 404, retry: 'never' },
  PVC_SNAPSHOT_NOT_FOUND: { sentence: 'Could not find snapshot "{}" in the cluster', status: 404, retry: 'never' },
  PVC_NO_STORAGE: {
    sentence: 'This cluster has no shared storage: its configuration names no Ceph', status: 409, retry: 'never',
  },
  PVC_ACTOR_NOT_FOUND: { sentence: 'There is no actor "{}"', status: 404, retry: 'never' },
  PVC_FAULT_NOT_FOUND: { sentence: 'Could not find fault "{}" in the cluster', status: 404, retry: 'never' },
  PVC_OSD_NOT_FOUND: { sentence: 'Could not find OSD "{}" in the cluster', status: 404, retry: 'never' },
  PVC_TASK_NOT_FOUND: { sentence: 'Could not find task "{}"', status: 404, retry: 'never' },
  PVC_LETTER_NOT_FOUND: { sentence: 'There is no dead letter "{}"', status: 404, retry: 'never' },
  PVC_WRONG_STATE: { sentence: '{}', status: 409, retry: 'later' },
  PVC_INVALID: { sentence: '{}', status: 400, retry: 'never' },
  PVC_NAME_TAKEN: { sentence: '{}', status: 409, retry: 'never' },
  PVC_NO_TARGET: { sentence: '{}', status: 409, retry: 'later' },
  PVC_UNAUTHORISED: {
    sentence: 'Authentication required: send your key in the header X-Api-Key', status: 401, retry: 'never',
  },
  PVC_TOO_LARGE: { sentence: '{}', status: 413, retry: 'never' },
  PVC_BUSY: { sentence: '{}', status: 429, retry: 'later' },
  PVC_NOT_COMMITTED: { sentence: '{}', status: 503, retry: 'later' },
  PVC_NO_PRIMARY: {
    sentence: 'The cluster has no primary coordinator at the moment: try again in a few seconds',
    status: 503, retry: 'later',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** An operational error: a value with a code, told to the user. */
export class PvcError extends Error {
  override readonly name = 'PvcError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, thing = '', options?: { cause?: unknown }) {
    super(ERRORS[code].sentence.replace('{}', thing), options);
    this.code = code;
  }
  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** From any error to what the user is told: status and one line. */
import { ERRORS, PvcError, type ErrorCode } from '../runtime/errors.js';

export interface Fault {
  readonly status: number;
  readonly message: string;
  /** True: a defect of ours; the text is for the log only. */
  readonly unexpected: boolean;
}

interface ValidationIssue {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

interface HttpError {
  readonly statusCode?: number;
  readonly code?: string;
  readonly message?: string;
  readonly validation?: ValidationIssue[];
}

/** What the user is to put right. */
export const invalid = (text: string): PvcError => new PvcError('PVC_INVALID', text);

/** PVC's messages hold no double quotes. */
export const plainText = (text: string): string => text.replaceAll('"', "'");

const HTTP_TEXTS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body of the request is larger than 1 MiB',
  FST_ERR_CTP_INVALID_MEDIA_TYPE:
    'The body must be a form (application/x-www-form-urlencoded) or JSON (application/json)',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is shorter or longer than its Content-Length',
  FST_ERR_BAD_URL: 'The address is not valid UTF-8',
};

/** Pure: statuses below 500 tell the user's fault, PvcErrors tell their own, anything else is ours. */
export function describeFault(error: unknown): Fault {
  if (error instanceof PvcError)
    return { status: error.status, message: plainText(error.message), unexpected: false };
  const http = error as HttpError;
  if (http.validation?.[0] !== undefined) {
    return { status: 400, message: plainText(validationText(http.validation[0])), unexpected: false };
  }
  const status = typeof http.statusCode === 'number' ? http.statusCode : 500;
  const text = HTTP_TEXTS[http.code ?? ''] ?? http.message ?? 'The request is faulty';
  return { status, message: plainText(text), unexpected: status >= 500 };
}

/** Status of a code that came from another part; a code nobody knows is a refusal. */
export const statusOf = (code: string): number => (code in ERRORS ? ERRORS[code as ErrorCode].status : 409);

function validationText(issue: ValidationIssue): string {
  const name = issue.instancePath.split('/')[1] ?? '';
  if (issue.keyword === 'required') return `The argument '${String(issue.params['missingProperty'])}' must be given`;
  if (issue.keyword === 'enum') {
    return `A valid ${name} must be specified: ${(issue.params['allowedValues'] as string[]).join(', ')}`;
  }
  return `The argument '${name}' ${issue.message ?? 'is not valid'}`;
}

/** What the API refuses (RFC 9457), and what keeps it from answering. */

export interface Fault {
  pointer: string;
  message: string;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly hint: string;
  readonly requestId: string;
  readonly faults: Fault[];

  constructor(fields: Partial<Omit<Problem, 'message'>> & { detail: string }) {
    super(fields.detail);
    this.name = 'Problem';
    this.status = fields.status ?? 0;
    this.code = fields.code ?? 'unreachable';
    this.title = fields.title ?? 'That didn’t work';
    this.hint = fields.hint ?? '';
    this.requestId = fields.requestId ?? '';
    this.faults = fields.faults ?? [];
  }

  get detail(): string {
    return this.message;
  }

  /** What is wrong with a form's fields: `credential.secret` of the pointer `/credential/secret`. */
  get byField(): Record<string, string> {
    return Object.fromEntries(
      this.faults.map((fault) => [fault.pointer.split('/').slice(1).join('.'), fault.message]),
    );
  }
}

export function parseProblem(response: Response, body: unknown): Problem {
  const members = isMembers(body) ? body : {};
  return new Problem({
    status: response.status,
    code: text(members['code']) || 'unknown',
    title: text(members['title']) || `The gateway answered ${response.status}`,
    detail: text(members['detail']) || 'There is no more to tell.',
    hint: text(members['hint']),
    requestId: text(members['request_id']) || (response.headers.get('exeat-request-id') ?? ''),
    faults: Array.isArray(members['problems']) ? members['problems'].filter(isFault) : [],
  });
}

/** The failure of a request that nobody has answered. */
export function unreachable(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({
    title: 'The gateway doesn’t answer',
    detail: 'It may be starting again, or the way to it is interrupted.',
    hint: 'This page tries again by itself.',
  });
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new Problem({ code: 'fault', title: 'This page has a fault', detail });
}

function isMembers(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFault(value: unknown): value is Fault {
  return isMembers(value) && typeof value['pointer'] === 'string' && typeof value['message'] === 'string';
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

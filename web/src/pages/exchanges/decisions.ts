/** What the gateway has decided about an exchange, phase by phase, as its record tells. */

import type { Exchange } from '@/api/exchange';

export interface Decision {
  phase: string;
  /** `skipped`: it didn't come to that. */
  outcome: 'passed' | 'reported' | 'refused' | 'skipped';
  text: string;
}

/** The phases before an attempt, and the codes of those that an exchange can end in (docs/concepts/life-of-a-request.md). */
const PHASES: [phase: string, codes: string[]][] = [
  ['Receive', ['malformed-request', 'target-too-long', 'fields-too-large', 'client-timeout', 'overloaded']],
  ['Resolve', ['malformed-target', 'method-not-allowed', 'loop-detected', 'envelope-invalid', 'body-too-large']],
  ['Identify', ['key-missing', 'key-malformed', 'key-unknown', 'key-expired', 'key-revoked']],
  [
    'Authorize',
    [
      'ip-not-allowed', 'upstream-unknown', 'grant-missing', 'method-not-granted', 'path-not-granted',
      'target-not-allowed', 'plaintext-refused', 'port-not-allowed',
    ],
  ],
  [
    'Admit',
    [
      'rate-limited', 'quota-exhausted', 'budget-exhausted', 'too-many-concurrent', 'queue-full', 'queue-timeout',
      'upstream-cooling-down', 'state-unavailable',
    ],
  ],
]; // prettier-ignore

export function decisionsOf(exchange: Exchange): Decision[] {
  const { error, attempts, reason } = exchange;
  // What was sent has passed all of them, whatever became of it then.
  const ended = attempts.length > 0 || error === null ? -1 : PHASES.findIndex(([, codes]) => codes.includes(error));
  return PHASES.map(([phase], number): Decision => {
    if (number === ended) return { phase, outcome: 'refused', text: reason ?? error ?? '' };
    if (ended >= 0 && number > ended) return { phase, outcome: 'skipped', text: 'it didn’t come to that' };
    const isReported = phase === 'Authorize' && exchange.decision === 'report';
    return { phase, outcome: isReported ? 'reported' : 'passed', text: describe(phase, exchange) };
  });
}

const MODES: Record<string, string> = {
  path: 'by path', host: 'by host name', url: 'by a URL in the path', header: 'by a URL in a field',
  envelope: 'in an envelope', connect: 'as a forward proxy (CONNECT)', proxy: 'as a forward proxy',
}; // prettier-ignore

function describe(phase: string, exchange: Exchange): string {
  const { method, address, mode, upstream, origin, consumer, key, decision, reason } = exchange;
  switch (phase) {
    case 'Receive':
      return `${method ?? 'a request'}${address === null ? '' : ` from ${address}`}`;
    case 'Resolve':
      return `${upstream ?? origin ?? 'an own path'}${mode === null ? '' : `, addressed ${MODES[mode] ?? mode}`}`;
    case 'Identify':
      return consumer === null ? 'nobody' : `${consumer}${key === null ? '' : `, by the key ${key}`}`;
    case 'Authorize':
      return decision === 'report' ? `would be refused: ${reason ?? 'a rule in report mode'}` : 'allowed';
    default:
      return 'within every limit';
  }
}

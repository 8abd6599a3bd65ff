/** What operators can do about a call that was refused: which limit it met, or where what refused it is set. */

import type { Exchange } from '@/api/exchange';
import type { Limit } from '../limits/limit';
import { byLeft } from '../overview/limit';

const KINDS: Record<string, Limit['kind'][]> = {
  'rate-limited': ['rate'],
  'quota-exhausted': ['quota'],
  'budget-exhausted': ['budget'],
  'too-many-concurrent': ['concurrency'],
  'queue-full': ['rate', 'concurrency'],
  'queue-timeout': ['rate', 'concurrency'],
};
const MOST = 3;

export function isOfLimit(code: string): boolean {
  return code in KINDS;
}

type Called = Pick<Exchange, 'consumer' | 'key' | 'upstream'>;

/** Whether a limit counts the calls of a consumer to an upstream. */
export function appliesTo({ scope, owner }: Pick<Limit, 'scope' | 'owner'>, { consumer, key, upstream }: Called): boolean {
  switch (scope) {
    case 'gateway':
      return true;
    case 'consumer':
      return owner === consumer;
    case 'key':
      return owner === key;
    case 'upstream':
      return owner === upstream;
    case 'grant':
      return consumer !== null && (owner === `${consumer}:*` || (upstream !== null && owner === `${consumer}:${upstream}`));
  }
}

/** The limit that the reason names; where it names none, those that may have refused the call, the least left first. */
export function limitsBehind(exchange: Called & Pick<Exchange, 'error' | 'reason'>, limits: readonly Limit[]): Limit[] {
  const kinds = KINDS[exchange.error ?? ''] ?? [];
  const found = limits.filter((limit) => kinds.includes(limit.kind) && appliesTo(limit, exchange)).sort(byLeft);
  const named = found.filter(({ name, scope }) => exchange.reason?.includes(`'${name}' of the ${scope}`) === true);
  return named.length > 0 ? named : found.slice(0, MOST);
}

/** Words, and where they lead. */
export interface Step {
  text: string;
  href: string;
}

const OF_GRANTS = ['grant-missing', 'method-not-granted', 'path-not-granted', 'target-not-allowed', 'port-not-allowed'];
const OF_KEYS = ['key-expired', 'key-revoked'];
const OF_NETWORKS = ['ip-not-allowed'];
const OF_ENDPOINTS = [
  'upstream-cooling-down', 'circuit-open', 'connect-failed', 'connect-timeout', 'dns-failed', 'tls-failed', 'response-timeout',
  'upstream-closed', 'retries-exhausted',
]; // prettier-ignore

/** Where what refused a call is set; null where nothing here is. */
export function stepFor(code: string, { consumer, upstream }: Called): Step | null {
  if (consumer !== null && OF_GRANTS.includes(code)) {
    return { text: `Change the grants of ${consumer}`, href: `/consumers/${consumer}?tab=configuration` };
  }
  if (consumer !== null && OF_NETWORKS.includes(code)) {
    return { text: `Change the networks of ${consumer}`, href: `/consumers/${consumer}?tab=configuration` };
  }
  if (consumer !== null && OF_KEYS.includes(code)) {
    return { text: `Make another key for ${consumer}`, href: `/consumers/${consumer}` };
  }
  if (code === 'upstream-unknown') return { text: 'Add the upstream', href: '/upstreams?add=preset' };
  if (upstream !== null && code === 'credential-unavailable') {
    return { text: `Change the credential of ${upstream}`, href: `/upstreams/${upstream}?tab=configuration` };
  }
  if (upstream !== null && (code === 'method-not-allowed' || code === 'plaintext-refused' || code === 'address-blocked')) {
    return { text: `Change what ${upstream} allows`, href: `/upstreams/${upstream}?tab=configuration` };
  }
  if (upstream !== null && OF_ENDPOINTS.includes(code)) {
    return { text: `Look at the endpoints of ${upstream}`, href: `/upstreams/${upstream}` };
  }
  return null;
}

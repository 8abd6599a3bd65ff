/** Limits in numbers: what is used, what a raise asks for, and where a limit is written. */

import type { Schemas } from '@/api/client';
import type { ObjectShown } from '@/api/objects';
import { exchangesWith } from '@/parts/address';
import { count, money } from '@/parts/format';

export type Limit = Schemas['LimitShown'];

/** What is left: "12 of 20", "4.50 EUR of 25.00 EUR". */
export function leftOf(limit: Limit): string | null {
  if (limit.left === null) return null;
  const whole = limit.kind === 'rate' ? (limit.burst ?? limit.amount) : limit.amount;
  if (limit.kind === 'budget') return `${money(rounded(limit.left), null)} of ${money(limit.amount, limit.currency)}`;
  return `${count(Math.max(0, limit.left))} of ${count(whole)}`;
}

/** At most the nine decimals that money has, without the dust of floating point. */
export function rounded(amount: number): string {
  const text = amount.toFixed(9).replace(/0+$/, '');
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

/** The exchanges that a limit counts: those of its owner, since its window began. */
export function exchangesOf({ scope, owner, window, resets_at: end }: Limit): string {
  const hasBegun = window?.unit != null && end !== null;
  const since = hasBegun ? new Date(Date.parse(end) - window.length_s * 1000).toISOString() : undefined;
  const [consumer, target] = owner.split(/:(.*)/s);
  switch (scope) {
    case 'gateway':
      return exchangesWith({ since });
    case 'grant':
      return exchangesWith({ consumer, upstream: target === '*' ? undefined : target, since });
    default:
      return exchangesWith({ [scope]: owner, since });
  }
}

export interface Owner {
  /** What it is called: an object, or the gateway. */
  title: string;
  href: string | null;
}

/** Whose a limit is. */
export function headOf({ scope, owner }: Pick<Limit, 'scope' | 'owner'>): Owner {
  switch (scope) {
    case 'gateway':
      return { title: 'The whole gateway', href: null };
    case 'consumer':
      return { title: owner, href: `/consumers/${owner}` };
    case 'upstream':
      return { title: owner, href: `/upstreams/${owner}` };
    case 'grant': {
      const [consumer = '', target = ''] = owner.split(/:(.*)/s);
      return { title: `${consumer} at ${target}`, href: `/consumers/${consumer}` };
    }
    case 'key':
      return { title: `key ${owner}`, href: null };
  }
}

/** The object in which a limit is written; of grants and keys, none that is changed for them. */
export function writtenIn(
  { scope, owner }: Limit,
  known: Record<'upstream' | 'consumer' | 'gateway', readonly ObjectShown[]>,
): ObjectShown | undefined {
  if (scope === 'gateway') return known.gateway.find(({ name }) => name === 'limits');
  return scope === 'upstream' || scope === 'consumer' ? known[scope].find(({ name }) => name === owner) : undefined;
}

/** Why a budget can’t be raised here; null where it can. */
export function whyFixed(limit: Limit, object: ObjectShown | undefined): string | null {
  if (limit.kind !== 'budget') return 'Only budgets are raised for a time.';
  if (limit.scope === 'grant' || limit.scope === 'key') return `A ${limit.scope}’s budget is raised where it is written.`;
  return object?.read_only === true ? `It is written in ${object.source.replace(/^file /, 'the file ')}.` : null;
}

/** What is there at first in the dialog: half as much again, till the window ends. */
export function firstRaise(limit: Limit): string {
  return rounded(Math.ceil(limit.amount * 1.5 * 100) / 100);
}

/** What is wrong with an amount that a budget is to be raised to; null where it is right. */
export function faultOfAmount(text: string, limit: Limit): string | null {
  if (!/^[0-9]+(\.[0-9]{1,9})?$/.test(text.trim())) return 'Write an amount, as in 300 or 12.50.';
  const usual = limit.increase === null ? limit.amount : 0;
  return Number(text) > usual ? null : `It has to be more than ${money(limit.amount, limit.currency)}.`;
}

/** The currencies in which anything was spent, the one with most of it first. */
export function currenciesOf(rows: readonly { costs: Record<string, string> }[]): string[] {
  const sums = new Map<string, number>();
  for (const { costs } of rows) {
    for (const [currency, amount] of Object.entries(costs)) sums.set(currency, (sums.get(currency) ?? 0) + Number(amount));
  }
  return [...sums].sort((one, other) => other[1] - one[1]).map(([currency]) => currency);
}

export const KINDS = [
  { value: 'all', label: 'All kinds' },
  { value: 'budget', label: 'Budgets' },
  { value: 'quota', label: 'Quotas' },
  { value: 'rate', label: 'Rates' },
  { value: 'concurrency', label: 'Calls at once' },
];

export function isShown(limit: Limit, kind: string, search: string): boolean {
  const text = `${limit.scope} ${limit.owner} ${limit.name}`.toLowerCase();
  return (kind === 'all' || limit.kind === kind) && text.includes(search.trim().toLowerCase());
}

/** Where the day and the month of a moment begin, in UTC. */
export function dayOf(now: Date): string {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())).toISOString();
}

export function monthOf(now: Date): string {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)).toISOString();
}

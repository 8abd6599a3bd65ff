/** Limits in words. */

import type { Schemas } from '@/api/client';
import { count, money } from '@/parts/format';
import type { Tone } from '@/parts/Values';

type Limit = Schemas['LimitShown'];

/** Whose a limit is: "the gateway", "consumer web", "web at github". */
export function ownerOf(limit: Limit): string {
  if (limit.scope === 'gateway') return 'the gateway';
  if (limit.scope === 'grant') return limit.owner.replace(':', ' at ');
  return `${limit.scope} ${limit.owner}`;
}

/** What a limit allows: "100 a minute", "20 at once", "200.00 USD a month". */
export function allowanceOf(limit: Limit): string {
  const amount = limit.kind === 'budget' ? money(limit.amount, limit.currency) : count(limit.amount);
  if (limit.kind === 'concurrency') return `${amount} at once`;
  const unit = limit.window?.unit ?? lengthOf(limit.window?.length_s ?? 1);
  return `${amount} ${unit === 'hour' ? 'an' : 'a'} ${unit}`;
}

function lengthOf(seconds: number): string {
  const known: Record<number, string> = { 1: 'second', 60: 'minute', 3600: 'hour', 86400: 'day' };
  return known[seconds] ?? `${seconds} s`;
}

/** The least left first; last, those of which nobody knows what is left. */
export function byLeft(one: Pick<Limit, 'left_ratio'>, other: Pick<Limit, 'left_ratio'>): number {
  return (one.left_ratio ?? 2) - (other.left_ratio ?? 2);
}

export function toneOfLeft(limit: Limit): Tone {
  if (limit.left_ratio === null) return 'quiet';
  if (limit.left_ratio <= 0) return 'bad';
  return limit.left_ratio <= 0.2 ? 'warn' : 'good';
}

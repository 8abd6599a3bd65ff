/** Keys: which matter first, and what can be done with them. */

import type { KeyShown } from '@/api/objects';
import { isMembers, type Members } from '@/form/json';
import type { Tone } from '@/parts/Values';

const ORDER: KeyShown['state'][] = ['active', 'expired', 'revoked'];

/** Those that work first, the newest of them at the top. */
export function sorted(keys: readonly KeyShown[]): KeyShown[] {
  return [...keys].sort(
    (one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || other.created_at.localeCompare(one.created_at),
  );
}

export function lastUsed(keys: readonly KeyShown[]): string | null {
  return keys.map(({ last_used_at: at }) => at).filter((at) => at !== null).sort().at(-1) ?? null;
}

const SOON_MS = 14 * 86_400_000;

/** How a key stands: one that ends within two weeks is worth a look. */
export function toneOfKey({ state, expires_at: end }: Pick<KeyShown, 'state' | 'expires_at'>, now: number): Tone {
  if (state !== 'active') return 'quiet';
  return end !== null && Date.parse(end) - now < SOON_MS ? 'warn' : 'good';
}

/** The keys that are written in a document. */
export function writtenKeys(data: unknown): Members[] {
  const keys = isMembers(data) ? data['keys'] : undefined;
  return Array.isArray(keys) ? keys.filter(isMembers) : [];
}

/** The key that replaces another, where there is one. */
export function replacementOf(key: KeyShown, keys: readonly KeyShown[]): KeyShown | undefined {
  return keys.find(({ replaces, state }) => replaces === key.id && state === 'active');
}

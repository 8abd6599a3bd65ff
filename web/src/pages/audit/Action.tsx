/** What was done, in its colour. */

import { Badge, type Tone } from '@/parts/Values';

const TONES: Record<string, Tone> = {
  create: 'good', update: 'note', apply: 'note', rotate: 'note', delete: 'bad', revoke: 'bad', 'log-in-failed': 'warn',
  undo: 'warn', trip: 'warn', drain: 'warn', prune: 'warn',
}; // prettier-ignore

export function Action({ of }: { of: string }) {
  return <Badge tone={TONES[of] ?? 'quiet'}>{of}</Badge>;
}

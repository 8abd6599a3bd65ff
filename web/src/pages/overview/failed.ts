/** Which exchanges are behind a figure of failures: one search finds those of one class, so the class with most of them. */

import type { Schemas } from '@/api/client';
import type { Tick } from '@/api/live';

type Row = Pick<Schemas['UsageOf'], 'labels' | 'errors'>;

export interface Failed {
  filter: Record<string, string>;
  /** What they are called: `4xx`, `without an answer`. */
  word: string;
  /** Whether those are all that have failed. */
  isAll: boolean;
}

/** Exchanges without an answer, those with a status of a class, or those that were answered and broke off. */
export function mostFailed(rows: readonly Row[]): Failed {
  const sums = new Map<number, number>();
  for (const { labels, errors } of rows) {
    if (errors === 0) continue;
    const status = Number(labels['status_class'] ?? 0);
    const of = status < 4 ? 0 : status;
    sums.set(of, (sums.get(of) ?? 0) + errors);
  }
  const [most = 0] = [...sums].sort((one, other) => other[1] - one[1])[0] ?? [];
  const isAll = sums.size < 2;
  if (most < 4) return { filter: { outcome: 'failed' }, word: 'without a whole answer', isAll };
  return { filter: { status: `${most}xx` }, word: `${most}xx`, isAll };
}

/** What fails most now: a code of the gateway's, or a class of statuses of upstreams. */
export function mostFailing(tick: Pick<Tick, 'errors' | 'upstream_errors'> | null): Record<string, string> {
  const all: [filter: Record<string, string>, rate: number][] = [
    ...Object.entries(tick?.errors ?? {}).map(([error, rate]): [Record<string, string>, number] => [{ error }, rate]),
    ...Object.entries(tick?.upstream_errors ?? {}).map(([status, rate]): [Record<string, string>, number] => [
      { status, answered: 'upstream' },
      rate,
    ]),
  ];
  const [first] = all.filter(([, rate]) => rate > 0).sort((one, other) => other[1] - one[1]);
  return first?.[0] ?? { outcome: 'failed' };
}

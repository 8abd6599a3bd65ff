/** The figures of now (the last ten seconds), and of the range. */

import type { Schemas } from '@/api/client';
import type { LiveState, Tick } from '@/api/live';
import { Figure, Figures } from '@/figures/Figure';
import { exchangesWith } from '@/parts/address';
import { count, duration, percent, short } from '@/parts/format';
import type { Range } from '@/parts/range';
import { Money } from '@/parts/Values';

interface Props {
  tick: Tick | null;
  live: LiveState;
  range: Range;
  total: Schemas['UsageOf'] | undefined;
  isLoading: boolean;
}

export function Now({ tick, live, range, total, isLoading }: Props) {
  const failing = tick === null ? 0 : sum(tick.errors) + sum(tick.upstream_errors);
  const wait = live === 'broken' ? 'no answer' : '…';
  const rate = total === undefined || total.requests === 0 ? null : total.errors / total.requests;
  return (
    <Figures>
      <Figure
        name="Requests a second"
        value={tick === null ? wait : short(tick.requests_per_s)}
        note={tick === null ? '' : `${count(tick.in_flight)} under way`}
        href={exchangesWith({})}
      />
      <Figure
        name="Failing a second"
        value={tick === null ? wait : short(failing)}
        tone={failing > 0 ? 'bad' : undefined}
        note={tick === null ? '' : `${short(sum(tick.errors))} by the gateway`}
        href={exchangesWith({ status: 'failed', since: '15m' })}
      />
      <Figure
        name="Median, now"
        value={tick === null ? wait : duration(tick.p50_ms)}
        note={tick === null ? '' : `p95 ${duration(tick.p95_ms)}, p99 ${duration(tick.p99_ms)}`}
        href={exchangesWith({})}
      />
      <Figure
        name={`Exchanges, ${range.label}`}
        value={isLoading ? '…' : count(total?.requests ?? 0)}
        note={total === undefined ? '' : `${count(total.attempts)} attempts`}
        href={exchangesWith({ since: range.value })}
      />
      <Figure
        name={`Failed, ${range.label}`}
        value={isLoading ? '…' : rate === null ? '–' : percent(rate)}
        tone={rate !== null && rate >= 0.05 ? 'bad' : undefined}
        note={total === undefined ? '' : `${count(total.errors)} exchanges`}
        href={exchangesWith({ status: 'failed', since: range.value })}
      />
      <Figure
        name="Spent today"
        value={tick === null ? wait : <Money of={tick.cost} />}
        note={tick !== null && Object.keys(tick.cost).length === 0 ? 'nothing has a price' : 'UTC'}
        href="/limits?range=24h"
      />
    </Figures>
  );
}

function sum(values: Record<string, number>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}

/** What was spent: today, this month, over time, and by whom and for what. */

import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import type { Schemas } from '@/api/client';
import { useLimits, useUsage } from '@/api/queries';
import { Figure, Figures } from '@/figures/Figure';
import { Ranking } from '@/figures/Ranking';
import { fill, type Bucket } from '@/figures/scale';
import { TimeChart } from '@/figures/TimeChart';
import { exchangesWith } from '@/parts/address';
import { money, percent } from '@/parts/format';
import { Panel } from '@/parts/Page';
import { useRange } from '@/parts/RangePicker';
import type { Range } from '@/parts/range';
import { Empty, Query } from '@/parts/States';
import { Money, ShortName } from '@/parts/Values';
import { allowanceOf, ownerOf, toneOfLeft } from '../overview/limit';
import { currenciesOf, dayOf, monthOf, rounded } from './limit';

const MOST = 7;

export function Spend() {
  const [range] = useRange();
  const [chosen, setChosen] = useState<string | null>(null);
  const month = useUsage({ since: monthOf(new Date()) });
  const steps = useUsage({ since: range.value, step: range.step });
  const currencies = currenciesOf([...(month.data?.items ?? []), ...(steps.data?.items ?? [])]);
  const currency = chosen ?? currencies[0] ?? null;
  return (
    <>
      <Totals month={month.data?.items[0]} />
      {currency !== null && (
        <div className="panels">
          <Panel
            className="half"
            title={`Spent in ${range.label}`}
            side={
              currencies.length > 1 ? (
                <SegmentedControl aria-label="Currency" value={currency} onChange={setChosen} data={currencies} />
              ) : undefined
            }
          >
            <Query of={steps} rows={5}>
              {(data) => <History data={data} range={range} currency={currency} />}
            </Query>
          </Panel>
          <By of="upstream" range={range} currency={currency} />
          <By of="consumer" range={range} currency={currency} />
        </div>
      )}
    </>
  );
}

function Totals({ month }: { month: Schemas['UsageOf'] | undefined }) {
  const today = useUsage({ since: dayOf(new Date()) });
  const limits = useLimits();
  const budgets = (limits.data?.items ?? [])
    .filter(({ kind, left_ratio: ratio }) => kind === 'budget' && ratio !== null)
    .sort((one, other) => (one.left_ratio ?? 1) - (other.left_ratio ?? 1))
    .slice(0, 2);
  const row = today.data?.items[0];
  return (
    <Figures>
      <Figure
        name="Spent today"
        value={today.data === undefined ? '…' : <Money of={row?.costs ?? {}} />}
        note="since midnight UTC"
        href={exchangesWith({ since: dayOf(new Date()) })}
      />
      <Figure
        name="Spent this month"
        value={<Money of={month?.costs ?? {}} />}
        note="since the 1st, UTC"
        href={exchangesWith({ since: monthOf(new Date()) })}
      />
      {budgets.map((limit) => (
        <Figure
          key={limit.id}
          name={`Budget of ${ownerOf(limit)}`}
          value={`${percent(limit.left_ratio ?? 0)} left`}
          note={allowanceOf(limit)}
          tone={toneOfLeft(limit) === 'good' ? undefined : toneOfLeft(limit)}
          href={`/limits?limit=${encodeURIComponent(limit.id)}`}
        />
      ))}
    </Figures>
  );
}

function History({ data, range, currency }: { data: Schemas['Usage']; range: Range; currency: string }) {
  const found = data.items.map(
    (item): Bucket => ({ start: Date.parse(item.start ?? data.since), values: [Number(item.costs[currency] ?? 0)] }),
  );
  const stepMs = range.stepS * 1000;
  const span = { since: Date.parse(data.since), until: Date.parse(data.until), stepMs };
  return (
    <TimeChart
      kind="bars"
      label={`What was spent in the last ${range.label}, in ${currency}`}
      series={[{ name: 'spent', tone: 'good' }]}
      buckets={fill(found, span, [0], (one, other) => one + other)}
      stepMs={stepMs}
      format={(value) => money(rounded(value), null)}
      hrefOf={({ start }) =>
        exchangesWith({ since: new Date(start).toISOString(), until: new Date(start + stepMs).toISOString() })
      }
    />
  );
}

function By({ of, range, currency }: { of: 'upstream' | 'consumer'; range: Range; currency: string }) {
  const usage = useUsage({ since: range.value, by: [of] });
  return (
    <Panel className="quarter" title={of === 'upstream' ? 'By upstream' : 'By consumer'} flush>
      <Query of={usage}>
        {(data) => {
          const ranked = data.items
            .filter(({ costs, labels }) => costs[currency] !== undefined && labels[of] != null && labels[of] !== '')
            .map(({ costs, labels }) => ({
              id: String(labels[of]),
              name: <ShortName of={String(labels[of])} most={20} />,
              value: Number(costs[currency]),
              shown: money(costs[currency] ?? '0', currency),
              href: exchangesWith({ [of]: String(labels[of]), since: range.value }),
              tone: 'good' as const,
            }))
            .sort((one, other) => other.value - one.value);
          if (ranked.length === 0) return <Empty title="Nothing was spent">In the last {range.label}.</Empty>;
          return <Ranking of={ranked.slice(0, MOST)} />;
        }}
      </Query>
    </Panel>
  );
}

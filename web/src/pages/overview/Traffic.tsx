/** Exchanges over the range by what was answered. */

import { useUsage } from '@/api/queries';
import { fill, type Bucket } from '@/figures/scale';
import { TimeChart, type Series } from '@/figures/TimeChart';
import { exchangesWith } from '@/parts/address';
import { short } from '@/parts/format';
import { Panel } from '@/parts/Page';
import type { Range } from '@/parts/range';
import { Query } from '@/parts/States';

const SERIES: (Series & { classes: number[] })[] = [
  { name: '2xx', tone: 'good', classes: [1, 2] },
  { name: '3xx', tone: 'note', classes: [3] },
  { name: '4xx', tone: 'warn', classes: [4] },
  { name: '5xx', tone: 'bad', classes: [5] },
  { name: 'no answer', tone: 'quiet', classes: [0] },
];

export function Traffic({ range }: { range: Range }) {
  const usage = useUsage({ since: range.value, by: ['status_class'], step: range.step });
  return (
    <Panel
      className="two-thirds"
      title="Exchanges"
      side={
        <span className="legend">
          {SERIES.map(({ name, tone }) => (
            <span key={name} data-tone={tone}>
              <i />
              {name}
            </span>
          ))}
        </span>
      }
    >
      <Query of={usage} rows={6}>
        {(data) => {
          const found = data.items.map(({ start, labels, requests }): Bucket => {
            const values = SERIES.map(({ classes }) => (classes.includes(Number(labels['status_class'])) ? requests : 0));
            return { start: Date.parse(start ?? data.since), values };
          });
          const stepMs = range.stepS * 1000;
          const span = { since: Date.parse(data.since), until: Date.parse(data.until), stepMs };
          const buckets = fill(found, span, SERIES.map(() => 0), (one, other) => one + other);
          return (
            <TimeChart
              kind="bars"
              label={`Exchanges of the last ${range.label}, by the class of their status`}
              series={SERIES}
              buckets={buckets}
              stepMs={stepMs}
              format={short}
              hrefOf={({ start }) => linkTo(start, stepMs)}
            />
          );
        }}
      </Query>
    </Panel>
  );
}

export function linkTo(start: number, stepMs: number): string {
  return exchangesWith({ since: new Date(start).toISOString(), until: new Date(start + stepMs).toISOString() });
}

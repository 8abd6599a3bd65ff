/** How long exchanges took, over the range. */

import { useUsage } from '@/api/queries';
import { fill, type Bucket } from '@/figures/scale';
import { TimeChart, type Series } from '@/figures/TimeChart';
import { duration } from '@/parts/format';
import { Panel } from '@/parts/Page';
import type { Range } from '@/parts/range';
import { Query } from '@/parts/States';
import { linkTo } from './Traffic';

const SERIES: Series[] = [
  { name: 'p50', tone: 'good' },
  { name: 'p95', tone: 'note' },
  { name: 'p99', tone: 'warn' },
];

export function Latency({ range }: { range: Range }) {
  const usage = useUsage({ since: range.value, step: range.step });
  return (
    <Panel
      className="third"
      title="Time they took"
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
          const found = data.items.map(
            (item): Bucket => ({
              start: Date.parse(item.start ?? data.since),
              values: [item.p50_ms, item.p95_ms, item.p99_ms],
            }),
          );
          const stepMs = range.stepS * 1000;
          const span = { since: Date.parse(data.since), until: Date.parse(data.until), stepMs };
          return (
            <TimeChart
              kind="lines"
              label={`How long exchanges of the last ${range.label} took: median, 95th and 99th percentile`}
              series={SERIES}
              buckets={fill(found, span, [null, null, null], Math.max)}
              stepMs={stepMs}
              format={duration}
              hrefOf={({ start }) => linkTo(start, stepMs)}
            />
          );
        }}
      </Query>
    </Panel>
  );
}

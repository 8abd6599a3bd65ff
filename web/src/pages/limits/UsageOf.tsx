/** What has become of the calls to an upstream, or of a consumer: figures, and the same over time. */

import { useUsage } from '@/api/queries';
import { Figure, Figures } from '@/figures/Figure';
import { fill, type Bucket } from '@/figures/scale';
import { TimeChart, type Series } from '@/figures/TimeChart';
import { exchangesWith } from '@/parts/address';
import { bytes, count, duration, percent, short } from '@/parts/format';
import { Panel } from '@/parts/Page';
import { useRange } from '@/parts/RangePicker';
import { Empty, Query } from '@/parts/States';
import { Money } from '@/parts/Values';

const SERIES: (Series & { classes: number[] })[] = [
  { name: '2xx', tone: 'good', classes: [1, 2] },
  { name: '3xx', tone: 'note', classes: [3] },
  { name: '4xx', tone: 'warn', classes: [4] },
  { name: '5xx', tone: 'bad', classes: [5] },
  { name: 'no answer', tone: 'quiet', classes: [0] },
];

export function UsageOf({ of, name }: { of: 'upstream' | 'consumer'; name: string }) {
  const [range] = useRange();
  const where = [`${of}=${name}`];
  const whole = useUsage({ since: range.value, where });
  const steps = useUsage({ since: range.value, where, by: ['status_class'], step: range.step });
  const row = whole.data?.items[0];
  const link = (more: Record<string, string>): string => exchangesWith({ [of]: name, since: range.value, ...more });
  return (
    <>
      <Figures>
        <Figure name="Exchanges" value={row === undefined ? (whole.data === undefined ? '…' : '0') : short(row.requests)} note={`in ${range.label}`} href={link({})} />
        <Figure
          name="Failed"
          value={row === undefined ? '–' : percent(row.errors / Math.max(1, row.requests))}
          note={row === undefined ? '' : `${count(row.errors)} exchanges`}
          tone={row !== undefined && row.errors / Math.max(1, row.requests) >= 0.05 ? 'bad' : undefined}
          href={link({ status: 'failed' })}
        />
        <Figure name="Median time" value={duration(row?.p50_ms)} note={`p95 ${duration(row?.p95_ms)}`} href={link({})} />
        <Figure name="Cost" value={row === undefined ? '–' : <Money of={row.costs} />} note={`in ${range.label}`} href={link({})} />
        <Figure name="Received" value={row === undefined ? '–' : bytes(row.bytes_out)} note={row === undefined ? '' : `${bytes(row.bytes_in)} sent`} href={link({})} />
      </Figures>
      <Panel
        title="Exchanges"
        side={
          <span className="legend">
            {SERIES.map(({ name: word, tone }) => (
              <span key={word} data-tone={tone}>
                <i />
                {word}
              </span>
            ))}
          </span>
        }
      >
        <Query of={steps} rows={5}>
          {(data) => {
            if (data.items.length === 0) {
              return <Empty title={`Nothing was called in the last ${range.label}`}>What is called is counted here at once.</Empty>;
            }
            const found = data.items.map(({ start, labels, requests }): Bucket => {
              const values = SERIES.map(({ classes }) => (classes.includes(Number(labels['status_class'])) ? requests : 0));
              return { start: Date.parse(start ?? data.since), values };
            });
            const stepMs = range.stepS * 1000;
            const span = { since: Date.parse(data.since), until: Date.parse(data.until), stepMs };
            return (
              <TimeChart
                kind="bars"
                label={`Exchanges of ${name} in the last ${range.label}, by the class of their status`}
                series={SERIES}
                buckets={fill(found, span, SERIES.map(() => 0), (one, other) => one + other)}
                stepMs={stepMs}
                format={short}
                height={140}
                hrefOf={({ start }) =>
                  exchangesWith({ [of]: name, since: new Date(start).toISOString(), until: new Date(start + stepMs).toISOString() })
                }
              />
            );
          }}
        </Query>
      </Panel>
    </>
  );
}

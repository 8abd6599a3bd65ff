/** What was spent today and this month, against the budgets. */

import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { useLimits, useUsage } from '@/api/queries';
import { percent, money } from '@/parts/format';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Money, Share, ShortName } from '@/parts/Values';
import { rounded } from '../limits/limit';
import { byLeft, ownerOf, toneOfLeft } from './limit';

const MOST = 5;

export function Spend() {
  const now = new Date();
  const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())).toISOString();
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)).toISOString();
  const today = useUsage({ since: day });
  const thisMonth = useUsage({ since: month });
  const limits = useLimits();
  return (
    <Panel className="third" title="Spend" side={<Link href="/limits">Limits & spend</Link>}>
      <dl className="spend">
        <div>
          <dt>Today</dt>
          <dd>{today.data === undefined ? '…' : <Money of={today.data.items[0]?.costs ?? {}} />}</dd>
        </div>
        <div>
          <dt>This month</dt>
          <dd>{thisMonth.data === undefined ? '…' : <Money of={thisMonth.data.items[0]?.costs ?? {}} />}</dd>
        </div>
      </dl>
      <Query of={limits} rows={2}>
        {(data) => {
          const budgets = data.items.filter((limit) => limit.kind === 'budget').sort(byLeft);
          if (budgets.length > 0) return budgets.slice(0, MOST).map((limit) => <Budget key={limit.id} limit={limit} />);
          return (
            <Empty title="There is no budget">
              A limit such as <code>budget: 200 USD/month</code> with a price keeps spend within bounds.
            </Empty>
          );
        }}
      </Query>
    </Panel>
  );
}

function Budget({ limit }: { limit: Schemas['LimitShown'] }) {
  const used = limit.left_ratio === null ? null : 1 - limit.left_ratio;
  const whole = money(limit.amount, limit.currency);
  const words =
    limit.left === null ? `${whole}, split by ${limit.per ?? 'caller'}` : `${money(rounded(limit.left), null)} of ${whole} left`;
  return (
    <Link href={`/limits?limit=${encodeURIComponent(limit.id)}`} className="budget">
      <span className="row">
        <span className="grow break">
          <ShortName of={ownerOf(limit)} most={36} /> {limit.window?.unit != null && <span className="dim">a {limit.window.unit}</span>}
        </span>
        <span className="number budget-left">{words}</span>
      </span>
      {used !== null && <Share ratio={used} tone={toneOfLeft(limit)} label={`${percent(used)} used`} />}
    </Link>
  );
}

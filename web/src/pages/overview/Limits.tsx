/** The limits of which the least is left. */

import { Link } from 'wouter';
import { useLimits } from '@/api/queries';
import { count, percent } from '@/parts/format';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Share, ShortName } from '@/parts/Values';
import { allowanceOf, byLeft, ownerOf, toneOfLeft } from './limit';

const MOST = 6;

export function Limits() {
  const limits = useLimits();
  return (
    <Panel className="third" title="Limits closest to full" side={<Link href="/limits">All</Link>}>
      <Query of={limits}>
        {(data) => {
          if (data.items.length === 0) {
            return (
              <Empty title="There are no limits">
                Rates, quotas, budgets and concurrency can be set on the gateway, a consumer, a key, an upstream or a grant.
              </Empty>
            );
          }
          const known = data.items
            .filter((limit) => limit.left_ratio !== null)
            .sort(byLeft);
          if (known.length === 0) {
            return <Empty title={`${count(data.items.length)} limits`}>What is left of them is counted for each caller apart.</Empty>;
          }
          return known.slice(0, MOST).map((limit) => (
            <Link key={limit.id} href={`/limits?limit=${encodeURIComponent(limit.id)}`} className="budget">
              <span className="row">
                <span className="grow break">
                  <ShortName of={ownerOf(limit)} most={36} /> <span className="dim">{allowanceOf(limit)}</span>
                </span>
                <span className="number nowrap">{percent(limit.left_ratio ?? 0)} left</span>
              </span>
              <Share ratio={1 - (limit.left_ratio ?? 1)} tone={toneOfLeft(limit)} label={`${percent(1 - (limit.left_ratio ?? 1))} used`} />
            </Link>
          ));
        }}
      </Query>
    </Panel>
  );
}

/** Spend of today and this month with its history, then every limit, the least left first. */

import { NativeSelect } from '@mantine/core';
import { Link } from 'wouter';
import { useLimits } from '@/api/queries';
import { useParameter } from '@/parts/address';
import { count } from '@/parts/format';
import { Most } from '@/parts/Most';
import { PageHead, Panel } from '@/parts/Page';
import { RangePicker } from '@/parts/RangePicker';
import { SearchField } from '@/parts/SearchField';
import { Empty, Query } from '@/parts/States';
import { byLeft } from '../overview/limit';
import { headOf, isShown, KINDS, type Limit } from './limit';
import { LimitRow } from './LimitRow';
import { Spend } from './Spend';
import { useWritten } from './useWritten';

const MOST = 50;

export function LimitsPage() {
  return (
    <>
      <PageHead title="Limits & spend" note="How much may pass, what is left of it, and what it costs.">
        <RangePicker />
      </PageHead>
      <div className="stack">
        <Spend />
        <AllLimits />
      </div>
    </>
  );
}

function AllLimits() {
  const limits = useLimits();
  const written = useWritten();
  const [kind, setKind] = useParameter('kind', 'all');
  const [search, setSearch] = useParameter('of');
  const [marked] = useParameter('limit');
  return (
    <Panel
      title="Limits, the least left first"
      flush
      side={
        <>
          <SearchField label="Whose limits" placeholder="Whose" value={search} onChange={setSearch} />
          <NativeSelect aria-label="Kind of limit" value={kind} onChange={(event) => setKind(event.currentTarget.value)} data={KINDS} />
        </>
      }
    >
      <Query of={limits} rows={6}>
        {(data) => {
          if (data.items.length === 0) return <NoLimits />;
          const found = data.items.filter((limit) => isShown(limit, kind, search)).sort(byLeft);
          if (found.length === 0) return <Empty title="No limit is like that">There are {count(data.items.length)} limits in all.</Empty>;
          return (
            <Most of={found} most={MOST} isWhole={marked !== ''}>
              {(shown) => (
                <ul className="limits" aria-label="Limits">
                  {shown.map((limit) => (
                    <LimitRow key={limit.id} limit={limit} written={written(limit)} isMarked={limit.id === marked} of={<Owner of={limit} />} />
                  ))}
                </ul>
              )}
            </Most>
          );
        }}
      </Query>
    </Panel>
  );
}

function Owner({ of }: { of: Limit }) {
  const { title, href } = headOf(of);
  return (
    <>
      {href === null ? title : <Link href={href}>{title}</Link>}
      {of.scope !== 'gateway' && ` (${of.scope})`}
    </>
  );
}

function NoLimits() {
  return (
    <Empty
      title="There are no limits"
      action={
        <>
          <Link href="/consumers">To the consumers</Link> <Link href="/upstreams">To the upstreams</Link>
        </>
      }
    >
      A rate, a quota, a budget or a number of calls at once can be set on a consumer, a key, a grant, an upstream, or the whole
      gateway; all that apply to a call are checked.
    </Empty>
  );
}

/** Spend of today and this month with its history, then every limit by whose it is. */

import { NativeSelect, TextInput } from '@mantine/core';
import { Link } from 'wouter';
import { useLimits } from '@/api/queries';
import { useParameter } from '@/parts/address';
import { Icon } from '@/parts/Icon';
import { PageHead, Panel } from '@/parts/Page';
import { RangePicker } from '@/parts/RangePicker';
import { Empty, Query } from '@/parts/States';
import { byOwner, isShown, KINDS, type Limit } from './limit';
import { LimitRow } from './LimitRow';
import { Spend } from './Spend';
import { useWritten } from './useWritten';

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
      title="Limits"
      flush
      side={
        <>
          <TextInput
            aria-label="Whose limits"
            placeholder="Whose"
            className="limit-search"
            leftSection={<Icon name="search" size={13} />}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          <NativeSelect aria-label="Kind of limit" value={kind} onChange={(event) => setKind(event.currentTarget.value)} data={KINDS} />
        </>
      }
    >
      <Query of={limits} rows={6}>
        {(data) => {
          if (data.items.length === 0) return <NoLimits />;
          const owned = byOwner(data.items.filter((limit) => isShown(limit, kind, search)));
          if (owned.length === 0) return <Empty title="No limit is like that">There are {data.items.length} limits in all.</Empty>;
          return owned.map(({ title, href, scope, limits: of }) => (
            <section key={`${scope} ${title}`} className="owned" aria-label={title}>
              <h3 className="owned-head">
                {href === null ? title : <Link href={href}>{title}</Link>}
                {scope !== 'gateway' && <span className="dim small">{scope}</span>}
              </h3>
              <ul className="limits">
                {of.map((limit: Limit) => (
                  <LimitRow key={limit.id} limit={limit} written={written(limit)} isMarked={limit.id === marked} />
                ))}
              </ul>
            </section>
          ));
        }}
      </Query>
    </Panel>
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

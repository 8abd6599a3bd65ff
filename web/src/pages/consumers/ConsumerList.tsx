/** Every consumer: what it may use, its keys, and what it has called. */

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { useKeys, useObjects, type KeyShown, type ObjectShown } from '@/api/objects';
import { useUsage } from '@/api/queries';
import { useMay } from '@/api/session';
import { isMembers } from '@/form/json';
import { exchangesWith, useParameter } from '@/parts/address';
import { count } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Most } from '@/parts/Most';
import { PageHead, Panel } from '@/parts/Page';
import { RangePicker, useRange } from '@/parts/RangePicker';
import type { Range } from '@/parts/range';
import { isFound } from '@/parts/search';
import { SearchField } from '@/parts/SearchField';
import { Empty, Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Ago, Money, ShortName, Source } from '@/parts/Values';
import { FailedShare } from '../upstreams/UpstreamList';
import { AddConsumer } from './AddConsumer';
import { grantsOf, titleOf } from './grant';
import { lastUsed } from './key';

type UsageOf = Schemas['UsageOf'];
const MOST = 100;
const MOST_GRANTS = 3;

export function ConsumerList() {
  const consumers = useObjects('consumers');
  const [search, setSearch] = useParameter('find');
  const [isAdding, setAdding] = useState(false);
  const mayWrite = useMay('operator');
  const add = (
    <Button
      leftSection={<Icon name="plus" size={14} />}
      disabled={!mayWrite}
      title={mayWrite ? undefined : 'Operators add consumers'}
      onClick={() => setAdding(true)}
    >
      Add
    </Button>
  );
  return (
    <>
      <PageHead title="Consumers" note="The applications that call, and what each may use.">
        <SearchField label="Search consumers" placeholder="Name or grant" value={search} onChange={setSearch} />
        <RangePicker />
        {add}
      </PageHead>
      <Panel flush>
        <Query of={consumers} rows={6}>
          {(items) =>
            items.length === 0 ? (
              <Empty title="There is no consumer yet" action={add}>
                A consumer is an application that calls through Exeat. It has grants, which say what it may use, and one or more
                keys, which it shows.
              </Empty>
            ) : (
              <List items={items} search={search} />
            )
          }
        </Query>
      </Panel>
      {isAdding && <AddConsumer onClose={() => setAdding(false)} />}
    </>
  );
}

function List({ items, search }: { items: ObjectShown[]; search: string }) {
  const [range] = useRange();
  const usage = useUsage({ since: range.value, by: ['consumer'] });
  const keys = useKeys();
  const used = new Map((usage.data?.items ?? []).map((row) => [String(row.labels['consumer'] ?? ''), row]));
  const found = items.filter(({ name, data }) => isFound(`${name} ${grantsOf(data).map(titleOf).join(' ')}`, search));
  if (found.length === 0) return <Empty title="No consumer is like that">There are {count(items.length)} in all.</Empty>;
  return (
    <Most of={found} most={MOST}>
      {(shown) => (
        <Table
          label="Consumers"
          columns={columnsOf(used, keys.data ?? [], range)}
          rows={shown}
          idOf={({ name }) => name}
          hrefOf={({ name }) => `/consumers/${name}`}
        />
      )}
    </Most>
  );
}

function columnsOf(used: Map<string, UsageOf>, keys: KeyShown[], range: Range): Column<ObjectShown>[] {
  const since = range.value;
  const hasCosts = [...used.values()].some(({ costs }) => Object.keys(costs).length > 0);
  return [
    { name: 'Consumer', wraps: true, cell: ({ name }) => <b className="strong">{name}</b> },
    { name: 'Grants', wraps: true, only: 'medium', cell: ({ data }) => <Grants data={data} /> },
    { name: 'Keys', align: 'right', cell: (object) => <KeyCount object={object} keys={keys} /> },
    { name: 'Last used', only: 'wide', cell: ({ name }) => <LastUsed name={name} keys={keys} row={used.get(name)} range={range} /> },
    {
      name: 'Exchanges',
      align: 'right',
      cell: ({ name }) => <Link href={exchangesWith({ consumer: name, since })}>{count(used.get(name)?.requests ?? 0)}</Link>,
    },
    { name: 'Failed', align: 'right', cell: ({ name }) => <FailedShare row={used.get(name)} /> },
    ...(hasCosts
      ? [{ name: 'Cost', align: 'right', only: 'medium', cell: ({ name }) => <Money of={used.get(name)?.costs ?? {}} /> } satisfies Column<ObjectShown>]
      : []),
    { name: 'Written in', only: 'wide', cell: (object) => (object.read_only ? <Source object={object} /> : <span className="dim">database</span>) },
  ];
}

function Grants({ data }: { data: unknown }) {
  const titles = grantsOf(data).map(titleOf);
  if (titles.length === 0) return <span className="toned" data-tone="warn">none: it can call nothing</span>;
  const more = titles.length - MOST_GRANTS;
  return (
    <span title={titles.join('\n')}>
      {titles.slice(0, MOST_GRANTS).map((title, number) => (
        <span key={number}>
          {number > 0 && ', '}
          <ShortName of={title} most={30} />
        </span>
      ))}
      {more > 0 && <span className="dim"> and {count(more)} more</span>}
    </span>
  );
}

function KeyCount({ object, keys }: { object: ObjectShown; keys: KeyShown[] }) {
  const written = isMembers(object.data) && Array.isArray(object.data['keys']) ? object.data['keys'].length : 0;
  const active = keys.filter(({ consumer, state }) => consumer === object.name && state === 'active').length + written;
  return active === 0 ? <span className="toned" data-tone="warn">0</span> : <>{active}</>;
}

/** Of keys that documents have, nobody keeps when they were last used; what was called tells at least that they were. */
function LastUsed({ name, keys, row, range }: { name: string; keys: KeyShown[]; row: UsageOf | undefined; range: Range }) {
  const own = keys.filter(({ consumer }) => consumer === name);
  const at = lastUsed(own);
  if (at !== null) return <Ago at={at} />;
  if ((row?.requests ?? 0) > 0) return <span className="dim">in the last {range.label}</span>;
  return <span className="dim">{own.length > 0 ? 'never' : 'not known'}</span>;
}

/** Every consumer: what it may use, its keys, and what it has called. */

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { useKeys, useObjects, type KeyShown, type ObjectShown } from '@/api/objects';
import { useUsage } from '@/api/queries';
import { useMay } from '@/api/session';
import { isMembers } from '@/form/json';
import { exchangesWith } from '@/parts/address';
import { count, moneyOf } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { PageHead, Panel } from '@/parts/Page';
import { RangePicker, useRange } from '@/parts/RangePicker';
import { Empty, Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Ago, Source } from '@/parts/Values';
import { FailedShare } from '../upstreams/UpstreamList';
import { AddConsumer } from './AddConsumer';
import { grantsOf, titleOf } from './grant';
import { lastUsed } from './key';

type UsageOf = Schemas['UsageOf'];

export function ConsumerList() {
  const consumers = useObjects('consumers');
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
              <List items={items} />
            )
          }
        </Query>
      </Panel>
      {isAdding && <AddConsumer onClose={() => setAdding(false)} />}
    </>
  );
}

function List({ items }: { items: ObjectShown[] }) {
  const [range] = useRange();
  const usage = useUsage({ since: range.value, by: ['consumer'] });
  const keys = useKeys();
  const used = new Map((usage.data?.items ?? []).map((row) => [String(row.labels['consumer'] ?? ''), row]));
  return (
    <Table
      label="Consumers"
      columns={columnsOf(used, keys.data ?? [], range.value)}
      rows={items}
      idOf={({ name }) => name}
      hrefOf={({ name }) => `/consumers/${name}`}
    />
  );
}

function columnsOf(used: Map<string, UsageOf>, keys: KeyShown[], since: string): Column<ObjectShown>[] {
  const hasCosts = [...used.values()].some(({ costs }) => Object.keys(costs).length > 0);
  return [
    { name: 'Consumer', cell: ({ name }) => <b className="strong">{name}</b> },
    { name: 'Grants', grow: true, only: 'medium', cell: ({ data }) => <Grants data={data} /> },
    { name: 'Keys', align: 'right', cell: (object) => <KeyCount object={object} keys={keys} /> },
    { name: 'Last used', only: 'wide', cell: ({ name }) => <LastUsed name={name} keys={keys} /> },
    {
      name: 'Exchanges',
      align: 'right',
      cell: ({ name }) => <Link href={exchangesWith({ consumer: name, since })}>{count(used.get(name)?.requests ?? 0)}</Link>,
    },
    { name: 'Failed', align: 'right', cell: ({ name }) => <FailedShare row={used.get(name)} /> },
    ...(hasCosts
      ? [{ name: 'Cost', align: 'right', only: 'medium', cell: ({ name }) => moneyOf(used.get(name)?.costs ?? {}) } satisfies Column<ObjectShown>]
      : []),
    { name: 'Written in', only: 'wide', cell: (object) => (object.read_only ? <Source object={object} /> : <span className="dim">database</span>) },
  ];
}

function Grants({ data }: { data: unknown }) {
  const titles = grantsOf(data).map(titleOf);
  return titles.length === 0 ? <span className="toned" data-tone="warn">none: it can call nothing</span> : <>{titles.join(', ')}</>;
}

function KeyCount({ object, keys }: { object: ObjectShown; keys: KeyShown[] }) {
  const written = isMembers(object.data) && Array.isArray(object.data['keys']) ? object.data['keys'].length : 0;
  const active = keys.filter(({ consumer, state }) => consumer === object.name && state === 'active').length + written;
  return active === 0 ? <span className="toned" data-tone="warn">0</span> : <>{active}</>;
}

function LastUsed({ name, keys }: { name: string; keys: KeyShown[] }) {
  const at = lastUsed(keys.filter(({ consumer }) => consumer === name));
  return at === null ? <span className="dim">–</span> : <Ago at={at} />;
}

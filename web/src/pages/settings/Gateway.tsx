/** How this gateway was started, of what it is made, and where its configuration comes from. */

import { SegmentedControl, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { api, ask, type Schemas } from '@/api/client';
import { readAll, useObjects } from '@/api/objects';
import { useStatus } from '@/api/queries';
import { count, span } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Facts, Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Badge } from '@/parts/Values';
import { countsOf, sourcesOf, type SourceOf } from './sources';

type Setting = Schemas['SettingShown'];

export function Gateway() {
  const settings = useQuery({ queryKey: ['settings'], queryFn: () => ask(api.GET('/api/v1/settings')), staleTime: 60_000 });
  return (
    <div className="stack">
      <div className="panels">
        <Panel title="This gateway" className="half">
          <About versions={settings.data?.versions} />
        </Panel>
        <Panel title="Where the configuration comes from" className="half" flush>
          <Sources />
        </Panel>
      </div>
      <Query of={settings} rows={10}>
        {({ items }) => <InForce items={items} />}
      </Query>
    </div>
  );
}

function About({ versions }: { versions: Schemas['Versions'] | undefined }) {
  const status = useStatus();
  return (
    <Query of={status} rows={3}>
      {({ instance, uptime_s, workers, database, in_force, snapshot, version }) => (
        <Facts
          of={[
            ['Exeat', versions?.exeat ?? version],
            ['Python', versions?.python],
            ['TLS', versions?.openssl.replace(/ \d+ \w+ \d+$/, '')],
            ['Database', database === 'sqlite' ? `SQLite ${versions?.sqlite ?? ''}` : 'PostgreSQL'],
            ['Instance', instance === null ? null : <code key="instance">{instance}</code>],
            ['Runs for', uptime_s === null ? null : span(uptime_s)],
            ['Workers', workers === null ? null : count(workers.length)],
            ['Revision in force', in_force === null ? null : <Link key="revision" href={in_force > 0 ? `/revisions/${in_force}` : '/revisions'}>{in_force}</Link>],
            ['Digest', snapshot === null ? null : <code key="digest">{snapshot}</code>],
          ]}
        />
      )}
    </Query>
  );
}

const SOURCES: Column<SourceOf>[] = [
  {
    name: 'Source',
    cell: ({ source }) => <span title={source}>{source.startsWith('file ') ? <>file <code>{source.slice('file '.length)}</code></> : source}</span>,
  },
  { name: 'Has', grow: true, cell: ({ counts }) => <span className="wraps">{countsOf(counts)}</span> },
  {
    name: '',
    only: 'medium',
    align: 'right',
    cell: ({ isReadOnly }) =>
      isReadOnly ? (
        <Badge title="It can only be changed where it is written.">
          <Icon name="lock" size={12} /> read-only here
        </Badge>
      ) : (
        <Badge tone="note">changed here</Badge>
      ),
  },
];

function Sources() {
  const upstreams = useObjects('upstreams');
  const consumers = useObjects('consumers');
  const others = useQuery({
    queryKey: ['sections', 'sources'],
    queryFn: async () => ({
      destinations: await readAll((after) => ask(api.GET('/api/v1/destinations', { params: { query: { limit: 1000, after } } }))),
      sections: await readAll((after) => ask(api.GET('/api/v1/sections', { params: { query: { limit: 1000, after } } }))),
    }),
  });
  return (
    <Query of={others} rows={3}>
      {({ destinations, sections }) => {
        const found = sourcesOf({ upstreams: upstreams.data ?? [], consumers: consumers.data ?? [], destinations, sections });
        return found.length === 0 ? (
          <Empty title="There is no configuration yet">Add an upstream and a consumer, or name a document in EXEAT_CONFIG.</Empty>
        ) : (
          <Table label="Sources" columns={SOURCES} rows={found} idOf={({ source }) => source} />
        );
      }}
    </Query>
  );
}

function InForce({ items }: { items: Setting[] }) {
  const [which, setWhich] = useState('set');
  const [text, setText] = useState('');
  const wanted = text.trim().toUpperCase();
  const found = items.filter(
    (item) => (wanted !== '' || which === 'all' || item.is_set) && `${item.variable} ${item.description}`.toUpperCase().includes(wanted),
  );
  return (
    <Panel
      flush
      title="Settings in force"
      side={
        <>
          <TextInput
            aria-label="Search settings"
            placeholder="Search"
            leftSection={<Icon name="search" size={13} />}
            className="setting-search"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <SegmentedControl
            aria-label="Which settings"
            value={wanted === '' ? which : 'all'}
            onChange={setWhich}
            data={[
              { value: 'set', label: 'Those that are set' },
              { value: 'all', label: 'All' },
            ]}
          />
        </>
      }
    >
      {found.length === 0 ? (
        <Empty title={wanted === '' ? 'Nothing is set: every setting has its default' : 'No setting fits'} />
      ) : (
        <dl>
          {found.map((item) => (
            <div key={item.variable} className="setting">
              <dt>
                <code>{item.variable}</code>
              </dt>
              <dd>
                <Value of={item} />
                <Description of={item.description} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      <p className="panel-line dim small">They are in the environment of the process or in its .env file, and count from its start.</p>
    </Panel>
  );
}

function Value({ of: { value, is_set, is_secret } }: { of: Setting }) {
  if (is_secret) return <div>{is_set ? <><Icon name="lock" size={12} /> set, not shown</> : <span className="dim">not set</span>}</div>;
  if (value === null || value === '') return <div className="dim">none</div>;
  return (
    <div>
      <code>{value}</code>
      {!is_set && <span className="dim small"> by default</span>}
    </div>
  );
}

/** What stands between backticks is code. */
function Description({ of }: { of: string }) {
  return (
    <p className="dim small">
      {of.split('`').map((part, number) => (number % 2 === 1 ? <code key={number}>{part}</code> : part))}
    </p>
  );
}

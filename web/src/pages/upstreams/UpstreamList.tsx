/** Every upstream: where it is, how it is, what it is shown, and what has become of calls to it. */

import { Button } from '@mantine/core';
import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { useObjects, usePresets, type ObjectShown, type Preset } from '@/api/objects';
import { useStatus, useUsage } from '@/api/queries';
import { useMay } from '@/api/session';
import { exchangesWith, useParameter } from '@/parts/address';
import { count, duration, percent } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Most } from '@/parts/Most';
import { PageHead, Panel } from '@/parts/Page';
import { RangePicker, useRange } from '@/parts/RangePicker';
import { isFound } from '@/parts/search';
import { SearchField } from '@/parts/SearchField';
import { Empty, Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Source } from '@/parts/Values';
import { credentialOf, healthOf, siblingsOf, urlsOf } from './upstream';

type UsageOf = Schemas['UsageOf'];
const MOST = 100;

export function UpstreamList() {
  const upstreams = useObjects('upstreams');
  const [range] = useRange();
  const [search, setSearch] = useParameter('find');
  return (
    <>
      <PageHead title="Upstreams" note="The APIs that may be called, and how Exeat reaches them.">
        <SearchField label="Search upstreams" placeholder="Name or URL" value={search} onChange={setSearch} />
        <RangePicker />
        <AddButton />
      </PageHead>
      <Panel flush>
        <Query of={upstreams} rows={6}>
          {(items) =>
            items.length === 0 ? (
              <Empty title="There is no upstream yet" action={<AddButton />}>
                An upstream is an API that consumers may call: where it is, and the credential that Exeat shows it. For{' '}
                well-known APIs there are presets.
              </Empty>
            ) : (
              <List items={items} since={range.value} search={search} />
            )
          }
        </Query>
      </Panel>
    </>
  );
}

function AddButton() {
  const mayWrite = useMay('operator');
  const icon = <Icon name="plus" size={14} />;
  if (!mayWrite) {
    return (
      <Button leftSection={icon} disabled title="Operators add upstreams">
        Add
      </Button>
    );
  }
  return (
    <Button component={Link} href="/upstreams?add=preset" leftSection={icon}>
      Add
    </Button>
  );
}

function List({ items, since, search }: { items: ObjectShown[]; since: string; search: string }) {
  const usage = useUsage({ since, by: ['upstream'] });
  const presets = usePresets();
  const status = useStatus();
  const used = new Map((usage.data?.items ?? []).map((row) => [String(row.labels['upstream'] ?? ''), row]));
  const resting = status.data?.resting ?? [];
  const known = presets.data?.items ?? [];
  const found = items.filter(({ name, data }) => isFound(`${name} ${urlsOf(data, known).join(' ')}`, search));
  if (found.length === 0) return <Empty title="No upstream is like that">There are {count(items.length)} in all.</Empty>;
  return (
    <Most of={found} most={MOST}>
      {(shown) => (
        <Table
          label="Upstreams"
          columns={columnsOf(used, resting, known, since)}
          rows={shown}
          idOf={({ name }) => name}
          hrefOf={({ name }) => `/upstreams/${name}`}
        />
      )}
    </Most>
  );
}

function columnsOf(
  used: Map<string, UsageOf>,
  resting: Schemas['RestingEndpoint'][],
  presets: Preset[],
  since: string,
): Column<ObjectShown>[] {
  return [
    {
      name: 'Upstream',
      wraps: true,
      cell: ({ name, data }) => {
        const { tone, word } = healthOf(name, urlsOf(data, presets).length + siblingsOf(data).length, resting);
        return (
          <span className="with-dot">
            <span className="dot" data-tone={tone} />
            <b className="strong">{name}</b>
            {word !== 'well' && <span className="small toned" data-tone={tone}>{word}</span>}
          </span>
        );
      },
    },
    { name: 'Endpoints', wraps: true, only: 'medium', cell: ({ data }) => <Where urls={urlsOf(data, presets)} siblings={siblingsOf(data).length} /> },
    { name: 'Credential', only: 'wide', cell: ({ data }) => credentialOf(data) },
    {
      name: 'Exchanges',
      align: 'right',
      cell: ({ name }) => <Link href={exchangesWith({ upstream: name, since })}>{count(used.get(name)?.requests ?? 0)}</Link>,
    },
    { name: 'Failed', align: 'right', cell: ({ name }) => <FailedShare row={used.get(name)} /> },
    { name: 'p95', align: 'right', only: 'medium', cell: ({ name }) => duration(used.get(name)?.p95_ms) },
    { name: 'Written in', only: 'wide', cell: (object) => (object.read_only ? <Source object={object} /> : <span className="dim">database</span>) },
  ];
}

export function Where({ urls, siblings }: { urls: string[]; siblings: number }) {
  const [first = '–', ...others] = urls;
  return (
    <span title={urls.join('\n')}>
      <span className="mono">{first}</span>
      {others.length > 0 && <span className="dim"> + {others.length}</span>}
      {siblings > 0 && <span className="dim"> and {siblings === 1 ? 'a sibling' : `${siblings} siblings`}</span>}
    </span>
  );
}

export function FailedShare({ row }: { row: UsageOf | undefined }) {
  if (row === undefined || row.requests === 0) return <span className="dim">–</span>;
  if (row.errors === 0) return <span className="dim">0</span>;
  const ratio = row.errors / row.requests;
  return (
    <span className="toned" data-tone={ratio >= 0.05 ? 'bad' : 'warn'} title={`${count(row.errors)} exchanges`}>
      {percent(ratio)}
    </span>
  );
}

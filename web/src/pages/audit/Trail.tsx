/** The records that fit the filters, newest first. */

import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { api, ask } from '@/api/client';
import { isExchange, type AnyRecord } from '@/api/exchange';
import { Actor } from '@/parts/Actor';
import { count } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { PageHead, Panel } from '@/parts/Page';
import { Empty, Failed, Loading } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Moment, StatusCode } from '@/parts/Values';
import { placeOf as placeOfExchange } from '../exchanges/Rows';
import { Action } from './Action';
import { Export } from './Export';
import { FilterBar } from './FilterBar';
import { asQuery, NAMES, readFilters, type Filters } from './filters';
import { Verify } from './Verify';

const PAGE = 100;
const AGAIN_MS = 5_000;

export function Trail() {
  const [search, setSearch] = useSearchParams();
  const [isExporting, setExporting] = useState(false);
  const filters = useMemo(() => readFilters(search), [search]);
  const change = useCallback(
    (wanted: Filters) =>
      setSearch((before) => {
        const after = new URLSearchParams(before);
        for (const name of NAMES) after.delete(name);
        for (const [name, value] of Object.entries(wanted)) if (value !== '') after.set(name, value);
        return after;
      }),
    [setSearch],
  );
  return (
    <>
      <PageHead title="Audit" note="Every change and every exchange has a record, sealed in a chain.">
        <Button variant="default" leftSection={<Icon name="download" size={14} />} onClick={() => setExporting(true)}>
          Export
        </Button>
      </PageHead>
      <div className="stack">
        <Verify />
        <div className="stack tight">
          <FilterBar key={JSON.stringify(filters)} filters={filters} change={change} />
          <Found filters={filters} change={change} />
        </div>
      </div>
      {isExporting && <Export filters={filters} onClose={() => setExporting(false)} />}
    </>
  );
}

function Found({ filters, change }: { filters: Filters; change: (wanted: Filters) => void }) {
  const wanted = asQuery(filters);
  const history = useInfiniteQuery({
    queryKey: ['records', 'audit', wanted],
    queryFn: ({ pageParam }) =>
      ask(api.GET('/api/v1/records', { params: { query: { ...wanted, limit: PAGE, after: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    // Reading on in what is old isn't disturbed by what is new.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : AGAIN_MS),
  });
  const rows = (history.data?.pages.flatMap((page) => page.items) ?? []) as unknown as AnyRecord[];
  return (
    <>
      <Panel flush>
        {history.isPending ? (
          <Loading rows={10} />
        ) : history.isError && rows.length === 0 ? (
          <Failed error={history.error} retry={() => void history.refetch()} />
        ) : rows.length === 0 ? (
          <Nothing filters={filters} change={change} />
        ) : (
          <Table
            label="Records"
            columns={hasOutcomes(rows) ? [...COLUMNS, OUTCOME] : COLUMNS}
            rows={rows}
            idOf={(row) => row.id}
            hrefOf={(row) => (isExchange(row) ? `/exchanges/${row.id}` : `/audit/${row.id}`)}
            labelOf={describe}
            toneOf={(row) => (!isExchange(row) && row.action === 'log-in-failed' ? 'warn' : undefined)}
          />
        )}
      </Panel>
      {rows.length > 0 && (
        <div className="row">
          <span className="dim small grow">{count(rows.length)} shown</span>
          {history.hasNextPage ? (
            <Button variant="default" loading={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
              Older ones
            </Button>
          ) : (
            <span className="dim small">There are no older ones.</span>
          )}
        </div>
      )}
    </>
  );
}

const COLUMNS: Column<AnyRecord>[] = [
  { name: 'Time', cell: (row) => <Moment at={row.time} /> },
  { name: 'Action', cell: (row) => (isExchange(row) ? <code>{row.method ?? '–'}</code> : <Action of={row.action ?? '–'} />) },
  {
    name: 'Object',
    grow: true,
    cell: (row) => <code title={objectOf(row)}>{objectOf(row)}</code>,
  },
  {
    name: 'Who',
    only: 'medium',
    cell: (row) => (isExchange(row) ? (row.consumer ?? <span className="dim">–</span>) : <Actor of={row.actor ?? '–'} />),
  },
];

const OUTCOME: Column<AnyRecord> = {
  name: 'Outcome',
  only: 'medium',
  cell: (row) =>
    isExchange(row) ? (
      <StatusCode status={row.status} failed={row.error !== null} />
    ) : (
      row.outcome !== 'completed' && <span className="toned" data-tone="bad">{row.outcome}</span>
    ),
};

/** A change has been made, or isn't recorded at all: its outcome is only worth a column where it is another one. */
function hasOutcomes(rows: readonly AnyRecord[]): boolean {
  return rows.some((row) => isExchange(row) || row.outcome !== 'completed');
}

function objectOf(row: AnyRecord): string {
  return isExchange(row) ? placeOfExchange(row) : (row.object ?? '–');
}

function describe(row: AnyRecord): string {
  return isExchange(row) ? `${row.method ?? ''} ${objectOf(row)}` : `${row.action ?? ''} ${objectOf(row)} by ${row.actor ?? ''}`;
}

function Nothing({ filters, change }: { filters: Filters; change: (wanted: Filters) => void }) {
  if (Object.keys(filters).length === 0) {
    return <Empty title="Nothing has been changed yet">Whatever an administrator does is recorded here.</Empty>;
  }
  return (
    <Empty
      title="No record fits"
      action={
        <Button variant="default" onClick={() => change({})}>
          Show all changes
        </Button>
      }
    >
      Fields are matched as a whole: who used a token is written with it, as in <code>admin/nJLMZPsNWtdL</code>.
    </Empty>
  );
}

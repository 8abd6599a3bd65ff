/** The changes of the configuration, newest first. */

import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { api, ask } from '@/api/client';
import { useStatus } from '@/api/queries';
import { Actor } from '@/parts/Actor';
import { PageHead, Panel } from '@/parts/Page';
import { count } from '@/parts/format';
import { Empty, Failed, Loading } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Badge, Moment } from '@/parts/Values';
import { Action } from '../audit/Action';
import { partsOf, type RevisionShort } from './revision';

const PAGE = 50;

export function RevisionList() {
  const status = useStatus();
  const found = useInfiniteQuery({
    queryKey: ['revisions', 'list'],
    queryFn: ({ pageParam }) => ask(api.GET('/api/v1/revisions', { params: { query: { limit: PAGE, after: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : 10_000),
  });
  const rows = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead title="Revisions" note="Every change made here, by the API or by commands; a document’s file has its own history." />
      <div className="stack tight">
        <Panel flush>
          {found.isPending ? (
            <Loading rows={10} />
          ) : found.isError && rows.length === 0 ? (
            <Failed error={found.error} retry={() => void found.refetch()} />
          ) : rows.length === 0 ? (
            <Empty title="Nothing has been changed yet">The first change of the configuration will be revision 1.</Empty>
          ) : (
            <Table
              label="Revisions"
              columns={columnsOf(status.data?.in_force ?? null)}
              rows={rows}
              idOf={({ number }) => String(number)}
              hrefOf={({ number }) => `/revisions/${number}`}
              labelOf={({ number, summary }) => `Revision ${number}: ${summary.join(', ')}`}
            />
          )}
        </Panel>
        {rows.length > 0 && (
          <div className="row">
            <span className="dim small grow">{count(rows.length)} shown</span>
            {found.hasNextPage && (
              <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                Older ones
              </Button>
            )}
          </div>
        )}
      </div>
    </>
  );
}

function columnsOf(inForce: number | null): Column<RevisionShort>[] {
  return [
    { name: 'No', align: 'right', cell: ({ number }) => <b className="strong">{number}</b> },
    { name: 'When', cell: ({ time }) => <Moment at={time} /> },
    { name: 'What', grow: true, cell: (revision) => <Summary of={revision} /> },
    { name: 'Who', only: 'medium', cell: ({ who }) => <Actor of={who} /> },
    { name: 'Why', only: 'wide', cell: ({ why }) => (why === '' ? <span className="dim">–</span> : <span className="why-cell cut">{why}</span>) },
    {
      name: '',
      only: 'medium',
      align: 'right',
      cell: ({ number }) => (number === inForce ? <Badge tone="good">in force</Badge> : inForce !== null && number > inForce ? <Badge tone="warn">not in force yet</Badge> : null),
    },
  ];
}

function Summary({ of: { summary, count: all } }: { of: RevisionShort }) {
  const [first = '', ...others] = summary;
  const { action, object } = partsOf(first);
  const more = all - 1;
  return (
    <span title={[first, ...others].join('\n')}>
      <Action of={action} /> <code>{object}</code>
      {more > 0 && <span className="dim"> and {count(more)} more</span>}
    </span>
  );
}

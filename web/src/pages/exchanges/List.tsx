/** The exchanges that fit the filters, newest first; new ones are added as they end. */

import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { api, ask } from '@/api/client';
import { isExchange, type AnyRecord, type Exchange } from '@/api/exchange';
import { useLive, type LiveState } from '@/api/live';
import { Icon } from '@/parts/Icon';
import { PageHead, Panel } from '@/parts/Page';
import { count } from '@/parts/format';
import { Empty, Failed, Loading } from '@/parts/States';
import { FilterBar } from './FilterBar';
import { asLive, asQuery, NAMES, readFilters, type Filters } from './filters';
import { Rows } from './Rows';

const PAGE = 100;
const MOST_NEW = 400;

export function List() {
  const [search, setSearch] = useSearchParams();
  const filters = useMemo(() => readFilters(search), [search]);
  const [isPaused, setPaused] = useState(false);
  const change = useCallback(
    (wanted: Filters) =>
      setSearch((before) => {
        const after = new URLSearchParams(before);
        for (const name of [...NAMES, 'find']) after.delete(name);
        for (const [name, value] of Object.entries(wanted)) if (value !== '') after.set(name, value);
        return after;
      }),
    [setSearch],
  );
  return (
    <Found
      key={JSON.stringify(filters)}
      filters={filters}
      change={change}
      isPaused={isPaused}
      setPaused={setPaused}
      focus={search.has('find')}
    />
  );
}

interface Props {
  filters: Filters;
  change: (wanted: Filters) => void;
  isPaused: boolean;
  setPaused: (value: boolean) => void;
  focus: boolean;
}

function Found({ filters, change, isPaused, setPaused, focus }: Props) {
  const [fresh, setFresh] = useState<Exchange[]>([]);
  const [skipped, setSkipped] = useState(0);
  const wanted = asQuery(filters);
  const history = useInfiniteQuery({
    queryKey: ['records', wanted],
    queryFn: ({ pageParam }) =>
      ask(api.GET('/api/v1/records', { params: { query: { ...wanted, limit: PAGE, after: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchOnWindowFocus: false,
    staleTime: Infinity,
    gcTime: 0,
  });
  const follows = asLive(filters);
  const live = useLive({
    search: isPaused || history.isPending ? null : follows,
    onRecords: (records) => setFresh((before) => [...records.toReversed(), ...before].slice(0, MOST_NEW)),
    onTick: (tick) => setSkipped((before) => before + tick.skipped),
  });
  const rows = useMemo(() => merge(fresh, history.data?.pages.flatMap((page) => page.items) ?? []), [fresh, history.data]);
  const resume = (): void => {
    setFresh([]);
    setSkipped(0);
    setPaused(false);
    void history.refetch();
  };
  return (
    <>
      <PageHead title="Exchanges">
        {follows !== null && (
          <>
            <LiveWord state={isPaused ? 'off' : live} skipped={skipped} />
            <Button
              variant="default"
              leftSection={<Icon name={isPaused ? 'play' : 'pause'} size={14} />}
              onClick={() => (isPaused ? resume() : setPaused(true))}
            >
              {isPaused ? 'Resume' : 'Pause'}
            </Button>
          </>
        )}
      </PageHead>
      <div className="stack tight">
        <FilterBar filters={filters} change={change} focus={focus} />
        <Panel flush>
          {history.isPending ? (
            <Loading rows={12} />
          ) : history.isError && rows.length === 0 ? (
            <Failed error={history.error} retry={() => void history.refetch()} />
          ) : rows.length === 0 ? (
            <Nothing filters={filters} change={change} />
          ) : (
            <Rows rows={rows} />
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
      </div>
    </>
  );
}

/** New ones first, none of them twice: what was followed may be in the page that was read, too. */
export function merge(fresh: Exchange[], old: unknown[]): Exchange[] {
  const seen = new Set(fresh.map((exchange) => exchange.id));
  const rest = (old as AnyRecord[]).filter(isExchange).filter((exchange) => !seen.has(exchange.id));
  return [...fresh, ...rest];
}

const WORDS: Record<LiveState, [tone: string, word: string]> = {
  off: ['quiet', 'Paused'],
  connecting: ['quiet', 'Connecting'],
  live: ['good', 'Live'],
  broken: ['bad', 'Interrupted; trying again'],
};

function LiveWord({ state, skipped }: { state: LiveState; skipped: number }) {
  const [tone, word] = WORDS[state];
  return (
    <span className="with-dot small" role="status">
      <span className="dot" data-tone={tone} data-beats={state === 'live' || undefined} />
      {word}
      {skipped > 0 && <span className="dim">{count(skipped)} more weren’t shown</span>}
    </span>
  );
}

function Nothing({ filters, change }: { filters: Filters; change: (wanted: Filters) => void }) {
  if (Object.keys(filters).length === 0) {
    return (
      <Empty title="Nothing has been called yet">
        As soon as a consumer calls through the gateway, its exchanges appear here.
      </Empty>
    );
  }
  return (
    <Empty
      title="No exchange fits"
      action={
        <Button variant="default" onClick={() => change({})}>
          Show all
        </Button>
      }
    >
      Fewer filters find more. A path is matched in part, every other field as a whole.
    </Empty>
  );
}

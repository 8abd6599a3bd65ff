/** Where nothing was called: what to do first, where nothing ever was; else when the last call was. */

import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, ask } from '@/api/client';
import type { AnyRecord } from '@/api/exchange';
import { useKeys, useObjects } from '@/api/objects';
import { Panel } from '@/parts/Page';
import type { Range } from '@/parts/range';
import { Empty, Query } from '@/parts/States';
import { Ago, Code } from '@/parts/Values';
import { grantsOf } from '../consumers/grant';
import { writtenKeys } from '../consumers/key';
import { useGateway } from '../exchanges/gateway';

export function NothingCalled({ range }: { range: Range }) {
  const last = useQuery({
    queryKey: ['records', 'last'],
    queryFn: () => ask(api.GET('/api/v1/records', { params: { query: { where: ['kind=exchange'], limit: 1 } } })),
    refetchInterval: 10_000,
  });
  return (
    <Panel>
      <Query of={last} rows={3}>
        {(data) => {
          const [latest] = data.items as unknown as AnyRecord[];
          if (latest === undefined) return <FirstSteps />;
          return (
            <Empty title={`Nothing was called in the last ${range.label}`}>
              The last call was{' '}
              <Link href={`/exchanges/${latest.id}`}>
                <Ago at={latest.time} />
              </Link>
              . A longer range shows more.
            </Empty>
          );
        }}
      </Query>
    </Panel>
  );
}

/** The steps to the first call that aren't done yet; the call itself always. */
function FirstSteps() {
  const upstreams = useObjects('upstreams');
  const consumers = useObjects('consumers');
  const keys = useKeys();
  const gateway = useGateway();
  const known = consumers.data ?? [];
  const [upstream] = upstreams.data ?? [];
  const hasGrant = known.some(({ data }) => grantsOf(data).length > 0);
  const hasKey = (keys.data ?? []).some(({ state }) => state === 'active') || known.some(({ data }) => writtenKeys(data).length > 0);
  return (
    <Empty title="Nothing has been called yet">
      <ol className="steps">
        {upstream === undefined && (
          <li>
            <Link href="/upstreams?add=preset">Add an upstream</Link>: an API, where it is, and its credential.
          </li>
        )}
        {known.length === 0 ? (
          <li>
            <Link href="/consumers">Add a consumer</Link> with a grant for it, and make a key.
          </li>
        ) : (
          <>
            {!hasGrant && (
              <li>
                <Link href={`/consumers/${known[0]?.name ?? ''}?tab=configuration`}>Grant a consumer</Link> an upstream.
              </li>
            )}
            {!hasKey && (
              <li>
                <Link href={`/consumers/${known[0]?.name ?? ''}`}>Make a key</Link> for a consumer.
              </li>
            )}
          </>
        )}
        <li>Call it through the gateway with that key:</li>
      </ol>
      <Code
        label="An example of a call"
        text={`curl -H "Exeat-Key: $EXEAT_KEY" ${gateway}/${upstream?.name ?? 'UPSTREAM'}/${upstream === undefined ? 'PATH' : ''}`}
      />
    </Empty>
  );
}

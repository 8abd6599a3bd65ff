/** Where a record stands in the audit trail, and whether its seal holds. */

import { useQuery } from '@tanstack/react-query';
import { api, ask } from '@/api/client';
import { count } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Facts } from '@/parts/Page';
import { Query } from '@/parts/States';
import { Copy, Moment } from '@/parts/Values';

export function Proof({ id }: { id: string }) {
  const proof = useQuery({
    queryKey: ['proof', id],
    queryFn: () => ask(api.GET('/api/v1/records/{id}/proof', { params: { path: { id } } })),
    refetchInterval: ({ state }) => (state.data?.seal === null ? 2_000 : false),
  });
  return (
    <Query of={proof} rows={3}>
      {({ chain, number, seal, matches }) => (
        <div className="stack tight">
          <p className="with-dot toned" data-tone={seal === null ? 'warn' : matches ? 'good' : 'bad'}>
            <Icon name={matches && seal !== null ? 'done' : 'warn'} />
            {seal === null
              ? 'No seal holds this record: it was inserted, or its seal is gone.'
              : matches
                ? 'Its batch is as it was sealed.'
                : 'Its batch isn’t what was sealed: a record was changed, added or removed.'}
          </p>
          <Facts
            wide
            of={[
              ['Chain', <code key="chain">{chain}</code>],
              ['Record', count(number)],
              ['Batch', seal === null ? null : `${count(seal.number)}, with ${seal.size === 1 ? '1 record' : `${count(seal.size)} records`}`],
              ['Sealed up to', seal?.newest == null ? null : <Moment key="newest" at={seal.newest} />],
            ]}
          />
          {seal !== null && (
            <Facts
              wide
              of={[
                [
                  'Hash of the batch',
                  <span key="hash">
                    <code className="hash">{seal.hash}</code> <Copy text={seal.hash} label="Copy the hash" />
                  </span>,
                ],
                ['Hash of the one before', <code key="previous" className="hash">{seal.previous}</code>],
              ]}
            />
          )}
        </div>
      )}
    </Query>
  );
}

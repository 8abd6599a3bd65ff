/** One record of a change: who did what, what is different since, and its place in the chain. */

import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, Redirect } from 'wouter';
import { api, ask } from '@/api/client';
import { isExchange, type AnyRecord, type Change as Changed } from '@/api/exchange';
import { Actor } from '@/parts/Actor';
import { Diff } from '@/parts/Diff';
import { Facts, PageHead, Panel } from '@/parts/Page';
import { Query } from '@/parts/States';
import { Code, Copy, Moment } from '@/parts/Values';
import { Proof } from '../exchanges/Proof';
import { Action } from './Action';
import { placeOf } from './filters';

export function Change({ id }: { id: string }) {
  const record = useQuery({
    queryKey: ['record', id],
    queryFn: () => ask(api.GET('/api/v1/records/{id}', { params: { path: { id } } })),
    staleTime: Infinity,
  });
  return (
    <>
      <p className="crumbs small">
        <Link href="/audit">Audit</Link> <span className="dim">/</span> <code>{id}</code> <Copy text={id} label="Copy the id" />
      </p>
      <Query of={record} rows={8}>
        {(data) => {
          const found = data as AnyRecord;
          return isExchange(found) ? <Redirect to={`/exchanges/${id}`} replace /> : <Shown record={found} />;
        }}
      </Query>
    </>
  );
}

function Shown({ record }: { record: Changed }) {
  const { object = '–', actor = '–', action = '–' } = record;
  const place = placeOf(object);
  return (
    <div className="stack">
      <PageHead
        title={
          <span className="row">
            <Action of={action} /> <span className="mono break">{object}</span>
          </span>
        }
      >
        <Button component={Link} href={`/audit?object=${encodeURIComponent(object)}`} variant="default">
          Its history
        </Button>
        {place !== null && (
          <Button component={Link} href={place} variant="default">
            Show it
          </Button>
        )}
      </PageHead>
      <Panel>
        <Facts
          of={[
            ['When', <Moment key="when" at={record.time} />],
            ['Who', <Link key="who" href={`/audit?actor=${encodeURIComponent(actor)}`}><Actor of={actor} /></Link>],
            ['Outcome', record.outcome],
          ]}
        />
      </Panel>
      <Panel title="What is different">
        {record.before == null && record.after == null ? (
          <p className="dim">The record says nothing more of it.</p>
        ) : (
          <Diff before={record.before} after={record.after} label={`What is different of ${object}`} />
        )}
      </Panel>
      <div className="panels">
        <Panel className="half" title="Its place in the audit trail">
          <Proof id={record.id} />
        </Panel>
        <Panel className="half" title="Record">
          <Code label="The record as JSON" text={JSON.stringify(record, null, 2)} />
        </Panel>
      </div>
    </div>
  );
}

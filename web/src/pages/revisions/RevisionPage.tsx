/** One revision: who, why, what is different, and the way back to it or to what was before it. */

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { useMay } from '@/api/session';
import { Actor } from '@/parts/Actor';
import { count } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Facts, PageHead, Panel } from '@/parts/Page';
import { Query } from '@/parts/States';
import { Moment } from '@/parts/Values';
import { Changes } from './Changes';
import { canComeBack, useNewest, useRevision, type Revision } from './revision';
import { RollBack } from './RollBack';

export function RevisionPage({ number }: { number: number }) {
  const revision = useRevision(number);
  return (
    <>
      <Link href="/revisions" className="back small">
        <Icon name="back" size={13} /> Revisions
      </Link>
      {Number.isInteger(number) ? (
        <Query of={revision} rows={8} isPage>
          {(data) => <Shown revision={data} />}
        </Query>
      ) : (
        <>
          <PageHead title="It isn’t there" />
          <p>Revisions have numbers.</p>
        </>
      )}
    </>
  );
}

function Shown({ revision }: { revision: Revision }) {
  const { number, why, who, time, changes, summary } = revision;
  const [target, setTarget] = useState<number | null>(null);
  const newest = useNewest();
  const mayWrite = useMay('operator');
  const isNewest = newest.data === number;
  const comesBack = canComeBack(summary, revision.count);
  return (
    <div className="stack">
      <PageHead title={`Revision ${number}`}>
        <Button component={Link} href={`/revisions/${number - 1}`} variant="default" disabled={number <= 1} aria-label="The revision before">
          <Icon name="back" size={14} />
        </Button>
        <Button component={Link} href={`/revisions/${number + 1}`} variant="default" disabled={isNewest} aria-label="The revision after">
          <Icon name="forward" size={14} />
        </Button>
        <Button
          variant="default"
          disabled={!mayWrite || !comesBack}
          title={mayWrite ? (comesBack ? undefined : 'A rollback brings back upstreams, consumers, destinations and sections') : 'Operators roll back'}
          onClick={() => setTarget(number - 1)}
        >
          Roll back to before it
        </Button>
        <Button
          disabled={!mayWrite || isNewest}
          title={mayWrite ? (isNewest ? 'Nothing was changed after it' : undefined) : 'Operators roll back'}
          onClick={() => setTarget(number)}
        >
          Roll back to it
        </Button>
      </PageHead>
      <Panel>
        <Facts
          of={[
            ['When', <Moment key="when" at={time} />],
            ['Who', <Link key="who" href={`/audit?actor=${encodeURIComponent(who)}`}><Actor of={who} /></Link>],
            ['Why', why === '' ? null : why],
            ['Changes', count(revision.count)],
          ]}
        />
      </Panel>
      <Panel title="What is different">
        <Changes of={changes} />
      </Panel>
      {target !== null && <RollBack to={target} onClose={() => setTarget(null)} />}
    </div>
  );
}

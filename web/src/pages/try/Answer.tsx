/** What came of a call that was sent: the upstream's answer, or why there is none. */

import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { isMembers } from '@/form/json';
import { bytes, duration, money } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Failure } from '@/parts/States';
import { Badge, Code, StatusCode } from '@/parts/Values';
import { readOutcome, type Came, type Outcome } from './call';

type Shown = 'body' | 'fields' | 'envelope';

export function Answer({ of }: { of: Came }) {
  const outcome = readOutcome(of);
  const [chosen, setChosen] = useState<Shown>('body');
  const shown = outcome.problem === null ? chosen : 'envelope';
  return (
    <Panel title="Answer" side={<Exchange id={outcome.meta.requestId} />}>
      <div className="stack tight">
        <Head of={outcome} />
        {outcome.problem !== null && <Failure error={outcome.problem} />}
        {outcome.problem === null && (
          <div>
            <SegmentedControl
              aria-label="What is shown"
              value={shown}
              onChange={(value) => setChosen(value)}
              data={[
                { value: 'body', label: 'Body' },
                { value: 'fields', label: `Fields (${outcome.headers.length})` },
                { value: 'envelope', label: 'Envelope' },
              ]}
            />
          </div>
        )}
        {shown === 'body' && <Body of={outcome} />}
        {shown === 'fields' && <Fields of={outcome} />}
        {shown === 'envelope' && <Code label="The envelope that was answered" text={JSON.stringify(of.answer, null, 2)} />}
      </div>
    </Panel>
  );
}

function Exchange({ id }: { id: string | null }) {
  if (id === null) return null;
  return (
    <Link href={`/exchanges/${id}`} className="with-dot">
      Its exchange <Icon name="forward" size={13} />
    </Link>
  );
}

function Head({ of: { status, isUpstreams, problem, meta } }: { of: Outcome }) {
  return (
    <div className="answer-head">
      <StatusCode status={status} failed={problem !== null} />
      <Badge tone={isUpstreams ? 'note' : 'warn'}>{isUpstreams ? `from ${meta.upstream ?? 'the upstream'}` : 'from the gateway'}</Badge>
      <span className="dim">
        {[
          duration(meta.durationMs),
          meta.attempts === null ? '' : meta.attempts === 0 ? 'nothing was sent' : meta.attempts === 1 ? 'one attempt' : `${meta.attempts} attempts`,
          costOf(meta.cost),
        ]
          .filter(Boolean)
          .join(' · ')}
      </span>
    </div>
  );
}

function costOf(cost: unknown): string {
  if (typeof cost === 'string') return cost;
  if (!isMembers(cost) || typeof cost['amount'] !== 'string') return '';
  return money(cost['amount'], typeof cost['currency'] === 'string' ? cost['currency'] : null);
}

function Body({ of: { body } }: { of: Outcome }) {
  if (body === null || body.text === '') return <p className="dim">The answer has no body.</p>;
  return (
    <>
      <Code label="The body of the answer" text={body.text} />
      <p className="dim small">
        {body.kind}, {bytes(new TextEncoder().encode(body.text).length)} as shown
      </p>
    </>
  );
}

function Fields({ of: { headers } }: { of: Outcome }) {
  if (headers.length === 0) return <p className="dim">The answer has no fields.</p>;
  return (
    <dl className="fields-table">
      {headers.map(([name, value], number) => (
        <div key={number}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What somebody has to look at now; nothing where all is well. */

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { Icon } from '@/parts/Icon';
import { Ago, type Tone } from '@/parts/Values';

type Status = Schemas['Status'];

interface Notice {
  tone: Tone;
  text: ReactNode;
}

export function Notices({ status }: { status: Status | undefined }) {
  const found = status === undefined ? [] : noticesOf(status);
  if (found.length === 0) return null;
  return (
    <div className="notices" role="status">
      {found.map((notice, number) => (
        <div key={number} className="notice" data-tone={notice.tone}>
          <Icon name="warn" />
          <div>{notice.text}</div>
        </div>
      ))}
    </div>
  );
}

function noticesOf(status: Status): Notice[] {
  const found: Notice[] = [];
  const say = (tone: Tone, text: ReactNode): void => {
    found.push({ tone, text });
  };
  if (status.leaving === true) say('warn', 'This gateway ends: it finishes what it has begun and takes no new calls.');
  if (status.workers !== null && !status.workers.some((worker) => worker.ready)) say('bad', 'No worker takes new calls.');
  for (const problem of status.problems) say('bad', `What is written now isn’t in force: ${problem}`);
  if (status.records_stay !== null) say('bad', `The database takes no records, they wait in the journal: ${status.records_stay}`);
  for (const worker of status.workers ?? []) {
    if (worker.records_fail !== null) say('bad', `Worker ${worker.number} can’t keep records: ${worker.records_fail}`);
  }
  for (const journal of status.journals ?? []) {
    if (journal.stuck !== null) say('warn', `The records of ${journal.name} stay in its journal: ${journal.stuck}`);
  }
  for (const endpoint of status.resting) {
    say(
      endpoint.state === 'resting' || endpoint.state === 'tripped' ? 'bad' : 'warn',
      <>
        <Link href={`/upstreams/${endpoint.upstream}`}>{endpoint.upstream}</Link>: <code>{endpoint.endpoint}</code> is{' '}
        {endpoint.state}
        {endpoint.reason !== null && `, ${endpoint.reason}`}
        {endpoint.until !== null && (
          <>
            ; tried again <Ago at={endpoint.until} />
          </>
        )}
      </>,
    );
  }
  for (const credential of status.resting_credentials) {
    say(
      credential.state === 'refused' ? 'bad' : 'warn',
      <>
        <Link href={`/upstreams/${credential.upstream}`}>{credential.upstream}</Link>:{' '}
        {credential.state === 'refused'
          ? `its credential ${credential.credential} was refused`
          : `its own limits let ${credential.credential} make no calls`}
        ; tried again <Ago at={credential.until} />
      </>,
    );
  }
  for (const warning of status.warnings) say('warn', warning);
  return found;
}

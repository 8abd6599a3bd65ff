/** One's own account: the session, and the password. */

import { Button, PasswordInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask } from '@/api/client';
import { SESSION, useLogOut, useSession, type Session } from '@/api/session';
import { useChange } from '@/parts/change';
import { Facts, Panel } from '@/parts/Page';
import { Failure, Query } from '@/parts/States';
import { Ago } from '@/parts/Values';
import { faultOfPassword } from './people';

export function You() {
  const session = useSession();
  return (
    <Query of={session} rows={4}>
      {(data) => data !== null && <Shown session={data} />}
    </Query>
  );
}

function Shown({ session }: { session: Session }) {
  const logOut = useLogOut();
  return (
    <div className="panels">
      <Panel
        className="half"
        title="Who you are"
        side={
          <Button variant="default" loading={logOut.isPending} onClick={() => logOut.mutate()}>
            Log out
          </Button>
        }
      >
        <Facts
          of={[
            ['Name', session.administrator],
            ['Role', session.role],
            ['This session ends', session.expires_at === null ? null : <Ago key="ends" at={session.expires_at} />],
          ]}
        />
      </Panel>
      <Panel className="half" title="Your password">
        <Password />
      </Panel>
    </div>
  );
}

function Password() {
  const [current, setCurrent] = useState('');
  const [wanted, setWanted] = useState('');
  const [again, setAgain] = useState('');
  const client = useQueryClient();
  const change = useChange({
    change: () => ask(api.PUT('/api/v1/session/password', { body: { current, new: wanted } })),
    said: () => 'Your password is changed. Log in with the new one.',
    refreshes: [],
    onDone: () => {
      client.setQueryData(SESSION, null);
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION[0] });
    },
  });
  const fault = faultOfPassword(wanted);
  const isOther = again !== '' && again !== wanted;
  return (
    <form
      className="stack-small"
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate(undefined);
      }}
    >
      <p className="dim">
        A new one logs you out everywhere: every session of yours ends, this one too. Tokens work on. Whoever has no password yet
        is given one by an administrator.
      </p>
      <PasswordInput label="The one you have" size="xs" autoComplete="current-password" value={current} onChange={(event) => setCurrent(event.currentTarget.value)} />
      <PasswordInput label="The new one" size="xs" autoComplete="new-password" maxLength={1024} error={fault} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
      <PasswordInput
        label="The new one again"
        size="xs"
        autoComplete="new-password"
        error={isOther ? 'It isn’t the same' : null}
        value={again}
        onChange={(event) => setAgain(event.currentTarget.value)}
      />
      {change.isError && <Failure error={change.error} />}
      <div>
        <Button type="submit" loading={change.isPending} disabled={current === '' || wanted === '' || fault !== null || again !== wanted}>
          Change it
        </Button>
      </div>
    </form>
  );
}
